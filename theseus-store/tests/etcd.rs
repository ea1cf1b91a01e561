//! The contract, kept by the store in etcd, and what is its own: logins, certificates, history.

use std::error::Error as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_client::{Client, Permission, PermissionType};
use futures_util::StreamExt as _;
use theseus_core::store::{Entry, Page, Revision, Store, StoreError, Txn, Write, list_all};
use theseus_store::contract::Fixture;
use theseus_store::etcd::{Identity, Login, Secret, Tls};
use theseus_store::testing::{EtcdServer, TlsFiles};
use theseus_store::{EtcdConfig, EtcdStore};

struct InEtcd(EtcdServer);

#[async_trait]
impl Fixture for InEtcd {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(connect(config(&self.0)).await)
    }
}

mod contract {
    use theseus_store::testing::EtcdServer;

    use super::InEtcd;

    theseus_store::contract_tests! {
        #[tokio::test]
        #[ignore = "needs etcd"]
        on InEtcd(EtcdServer::start())
    }
}

fn config(server: &EtcdServer) -> EtcdConfig {
    EtcdConfig::new([server.endpoint()])
}

async fn connect(config: EtcdConfig) -> EtcdStore {
    EtcdStore::connect(config)
        .await
        .expect("the store connects")
}

async fn refusal(config: EtcdConfig) -> (StoreError, String) {
    let error = EtcdStore::connect(config)
        .await
        .expect_err("the store does not connect");
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    (error, causes.join(": "))
}

async fn put(store: &EtcdStore, key: &str, value: impl Into<Bytes>) -> Revision {
    let writes = vec![Write::Put(key.to_owned(), value.into())];
    store
        .commit(Txn {
            compares: vec![],
            writes,
        })
        .await
        .expect("a commit succeeds")
}

async fn get(store: &EtcdStore, key: &str) -> Option<Entry> {
    store.get(key).await.expect("a key is read")
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn records_lie_below_the_prefix_and_see_no_others() {
    let server = EtcdServer::start();
    let (default, mut other) = (config(&server), config(&server));
    other.prefix = "/theseus-staging".to_owned();
    let (default, other) = (connect(default).await, connect(other).await);
    put(&default, "a", "default").await;
    put(&other, "a", "other").await;

    let raw = Client::connect([server.endpoint()], None)
        .await
        .expect("a client connects");
    let found = raw
        .kv_client()
        .get("/theseus/a", None)
        .await
        .expect("a key is read");
    assert_eq!(found.kvs()[0].value(), b"default");

    let writes = vec![Write::DeletePrefix(String::new())];
    default
        .commit(Txn {
            compares: vec![],
            writes,
        })
        .await
        .expect("a commit succeeds");
    assert_eq!(get(&default, "a").await, None);
    assert_eq!(
        get(&other, "a").await.map(|entry| entry.value),
        Some("other".into())
    );
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn a_page_that_is_too_large_an_answer_comes_in_smaller_ones() {
    let server = EtcdServer::start();
    let store = connect(config(&server)).await;
    for number in 0..40 {
        put(&store, &format!("large/{number:02}"), vec![b'x'; 1_000_000]).await;
    }
    let first = store
        .list("large/", Page::first(1000))
        .await
        .expect("a page is read");
    assert!(first.entries.len() < 40 && first.next.is_some());
    let (entries, _) = list_all(&store, "large/").await.expect("a listing is read");
    assert_eq!(entries.len(), 40);
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn a_watch_from_a_compacted_revision_is_told_to_list_again() {
    let server = EtcdServer::start();
    let store = connect(config(&server)).await;
    let first = put(&store, "a", "1").await;
    let last = put(&store, "a", "2").await;
    let revision = i64::try_from(last.0).expect("revisions are small");
    let raw = Client::connect([server.endpoint()], None)
        .await
        .expect("a client connects");
    raw.kv_client()
        .compact(revision, None)
        .await
        .expect("etcd compacts");

    let mut watch = store.watch("", Revision(0)).await.expect("a watch starts");
    assert!(matches!(
        watch.next().await,
        Some(Err(StoreError::Compacted { from: Revision(0) }))
    ));
    assert!(watch.next().await.is_none(), "an error ends the stream");
    let mut watch = store.watch("", first).await.expect("a watch starts");
    let change = watch
        .next()
        .await
        .expect("a watch goes on")
        .expect("a watch goes on");
    assert_eq!(change.revision(), last);
}

fn login(user: &str, password: &str) -> Login {
    Login {
        user: user.to_owned(),
        password: Secret::new(password),
    }
}

/// Makes etcd ask for logins: `root`, and `theseus`, who may only use keys below `/theseus/`.
async fn demand_logins(server: &EtcdServer) {
    let admin = Client::connect([server.endpoint()], None)
        .await
        .expect("a client connects");
    let mut auth = admin.auth_client();
    let below = Permission::new(PermissionType::Readwrite, "/theseus/").with_prefix();
    auth.user_add("root", "secret", None)
        .await
        .expect("a user is added");
    auth.user_add("theseus", "hunter2", None)
        .await
        .expect("a user is added");
    auth.role_add("root").await.expect("a role is added");
    auth.role_add("ship").await.expect("a role is added");
    auth.role_grant_permission("ship", below)
        .await
        .expect("a permission is granted");
    auth.user_grant_role("root", "root")
        .await
        .expect("a role is granted");
    auth.user_grant_role("theseus", "ship")
        .await
        .expect("a role is granted");
    auth.auth_enable().await.expect("logins are enabled");
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn logins_let_in_whom_they_should() {
    let mut server = EtcdServer::start();
    let mut config = config(&server);
    config.login = Some(login("theseus", "hunter2"));
    let (error, said) = refusal(config.clone()).await;
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    assert_eq!(said, "etcdserver: authentication is not enabled");

    demand_logins(&server).await;
    let store = connect(config.clone()).await;
    put(&store, "a", "1").await;
    store
        .lock("locks/a", Bytes::new(), std::time::Duration::from_secs(5))
        .await
        .expect("a lock is free");
    let mut watch = store.watch("", Revision(0)).await.expect("a watch starts");
    watch
        .next()
        .await
        .expect("a watch goes on")
        .expect("a watch goes on");

    // A restarted server knows no login of before.
    server.restart();
    assert_eq!(
        get(&store, "a").await.map(|entry| entry.value),
        Some("1".into())
    );

    let mut elsewhere = config.clone();
    elsewhere.prefix = "/other".to_owned();
    for (config, expected) in [
        (
            EtcdConfig {
                login: None,
                ..config.clone()
            },
            "etcdserver: user name is empty",
        ),
        (
            EtcdConfig {
                login: Some(login("theseus", "wrong")),
                ..config.clone()
            },
            "etcdserver: authentication failed, invalid user ID or password",
        ),
        (elsewhere, "etcdserver: permission denied"),
    ] {
        let (error, said) = refusal(config).await;
        assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
        assert_eq!(said, expected);
    }
}

/// An authority and what it signed.
struct Certificates {
    authority: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Certificates {
    fn new() -> Self {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let authority =
            rcgen::CertifiedIssuer::self_signed(authority, key).expect("an authority is made");
        Self { authority }
    }

    fn ca(&self) -> String {
        self.authority.pem()
    }

    /// A certificate and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name is a name");
        let certificate = params
            .signed_by(&key, &self.authority)
            .expect("a certificate is signed");
        (certificate.pem(), key.serialize_pem())
    }
}

#[tokio::test]
#[ignore = "needs etcd"]
async fn certificates_let_in_whom_they_should() {
    let certificates = Certificates::new();
    let files = tempfile::TempDir::new().expect("a temporary directory can be made");
    let (certificate, key) = certificates.sign("127.0.0.1");
    let [ca, certificate, key] = [
        ("ca", certificates.ca()),
        ("certificate", certificate),
        ("key", key),
    ]
    .map(|(name, pem)| {
        let path = files.path().join(name);
        std::fs::write(&path, pem).expect("a file is written");
        path
    });
    let server = EtcdServer::start_with_tls(TlsFiles {
        ca: &ca,
        certificate: &certificate,
        key: &key,
    });

    let identity = |from: &Certificates| {
        let (certificate, key) = from.sign("theseus");
        Some(Identity {
            certificate: certificate.into(),
            key: Secret::new(key),
        })
    };
    let ca = Some(certificates.ca().into_bytes());
    let tls = Tls {
        ca,
        identity: identity(&certificates),
    };
    let store = connect(EtcdConfig {
        tls: Some(tls.clone()),
        ..config(&server)
    })
    .await;
    put(&store, "a", "1").await;
    assert_eq!(
        get(&store, "a").await.map(|entry| entry.value),
        Some("1".into())
    );

    let refused = async |tls| {
        let (error, said) = refusal(EtcdConfig {
            tls,
            ..config(&server)
        })
        .await;
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        said
    };
    let said = refused(None).await;
    assert!(
        said.contains("invalid peer certificate: UnknownIssuer"),
        "{said}"
    );
    // In TLS 1.3 a server that misses a certificate only hangs up.
    refused(Some(Tls {
        identity: None,
        ..tls.clone()
    }))
    .await;
    let stranger = identity(&Certificates::new());
    refused(Some(Tls {
        identity: stranger,
        ..tls.clone()
    }))
    .await;
}
