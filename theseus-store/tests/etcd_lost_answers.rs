//! Stores in etcd behind a line that loses a request or its answer and then breaks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::join;
use theseus_core::store::{Compare, Revision, Store, StoreError, Txn, Write};
use theseus_store::testing::EtcdServer;
use theseus_store::{EtcdConfig, EtcdStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens on the line.
#[derive(Default)]
struct Line {
    loses_requests: AtomicBool,
    loses_answers: AtomicBool,
    has_lost: Notify,
    broken: Notify,
}

impl Line {
    /// Starts a proxy before the server; answers where it listens.
    async fn to(server: &EtcdServer) -> (Arc<Self>, String) {
        let line = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (shared, target) = (line.clone(), server.endpoint().replace("http://", ""));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(shared.clone().carry(client, target.clone()));
            }
        });
        (line, address.to_string())
    }

    async fn carry(self: Arc<Self>, client: TcpStream, target: String) -> io::Result<()> {
        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = TcpStream::connect(target).await?.into_split();
        tokio::select! {
            result = self.copy(client_reads, server_writes, &self.loses_requests) => result,
            result = self.copy(server_reads, client_writes, &self.loses_answers) => result,
            () = self.broken.notified() => Ok(()),
        }
    }

    async fn copy(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        loses: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            if loses.load(Ordering::SeqCst) {
                self.has_lost.notify_one();
            } else {
                to.write_all(&buffer[..length]).await?;
            }
        }
    }

    /// Ends all connections. The next ones lose nothing.
    fn break_and_mend(&self) {
        self.loses_requests.store(false, Ordering::SeqCst);
        self.loses_answers.store(false, Ordering::SeqCst);
        self.broken.notify_waiters();
    }
}

/// A store behind a line, and one beside it.
struct Scene {
    line: Arc<Line>,
    store: EtcdStore,
    beside: EtcdStore,
    _server: EtcdServer,
}

impl Scene {
    async fn new() -> Self {
        let server = EtcdServer::start();
        let (line, address) = Line::to(&server).await;
        let [store, beside] = [&address, server.endpoint()].map(|it| EtcdConfig::new([it]));
        let store = EtcdStore::connect(store).await.expect("the store connects");
        let beside = EtcdStore::connect(beside)
            .await
            .expect("the store connects");
        Self {
            line,
            store,
            beside,
            _server: server,
        }
    }

    /// Commits while answers get lost; the line breaks after the commit was carried out and others
    /// have followed.
    async fn commit_unheard(&self, txn: Txn) -> (Result<Revision, StoreError>, Revision) {
        self.line.loses_answers.store(true, Ordering::SeqCst);
        let meanwhile = async {
            let written = loop {
                if let Some(entry) = self.beside.get("a").await.expect("a key is read") {
                    break entry.modified;
                }
            };
            for value in ["1", "2", "3"] {
                self.beside
                    .commit(put("a", value))
                    .await
                    .expect("a commit succeeds");
            }
            self.line.break_and_mend();
            written
        };
        join(self.store.commit(txn), meanwhile).await
    }

    async fn value(&self) -> Option<Bytes> {
        self.beside
            .get("a")
            .await
            .expect("a key is read")
            .map(|entry| entry.value)
    }
}

fn put(key: &str, value: &'static str) -> Txn {
    let writes = vec![Write::Put(key.to_owned(), value.into())];
    Txn {
        compares: vec![],
        writes,
    }
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn a_commit_whose_answer_was_lost_is_known_to_have_happened() {
    let absent = Compare::Absent("a".to_owned());
    for compares in [vec![], vec![absent]] {
        let scene = Scene::new().await;
        let txn = Txn {
            compares,
            ..put("a", "mine")
        };
        let (answer, written) = scene.commit_unheard(txn).await;
        assert_eq!(answer.expect("the commit happened"), written);
        assert_eq!(scene.value().await, Some("3".into()), "it happened once");
    }
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn a_commit_that_was_lost_on_the_way_is_made_again_only_if_that_is_safe() {
    let scene = Scene::new().await;
    let absent = Compare::Absent("a".to_owned());
    for (compares, expected) in [(vec![], None), (vec![absent], Some("mine".into()))] {
        scene.line.loses_requests.store(true, Ordering::SeqCst);
        let txn = Txn {
            compares,
            ..put("a", "mine")
        };
        let cut = async {
            scene.line.has_lost.notified().await;
            scene.line.break_and_mend();
        };
        let (answer, ()) = join(scene.store.commit(txn), cut).await;
        match (&answer, &expected) {
            (Err(StoreError::Unclear { .. }), None) | (Ok(_), Some(_)) => {}
            _ => panic!("{answer:?} where the value is to be {expected:?}"),
        }
        assert_eq!(scene.value().await, expected);
    }
}
