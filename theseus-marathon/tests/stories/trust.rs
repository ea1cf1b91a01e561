//! TLS, with real certificates: who is trusted, and what is said when nobody is.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use theseus_core::cluster::{Cluster as _, ClusterError};
use theseus_marathon::{ClientCertificate, Marathon, MarathonConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::config;

/// An authority, and what it issues.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn issues(&self, name: &str) -> Issued {
        self.issues_with(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    fn issues_with(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Serves a Marathon's `/v2/info` over TLS; gives its port.
async fn serve(issued: &Issued, wants_client_of: Option<&Authority>) -> u16 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = ServerConfig::builder();
    let builder = match wants_client_of {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder(roots.into());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let config = builder.with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut connection = match acceptor.accept(connection).into_fallible().await {
                    Ok(connection) => connection,
                    // Whoever hangs up on what was not read takes its own words back.
                    Err((_, mut connection)) => {
                        let _ = connection.shutdown().await;
                        let _ = connection.read_to_end(&mut Vec::new()).await;
                        return;
                    }
                };
                let mut request = [0; 4096];
                let _ = connection.read(&mut request).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                    content-length: 20\r\n\r\n{\"version\":\"1.11.0\"}";
                let _ = connection.write_all(answer.as_bytes()).await;
                let _ = connection.shutdown().await;
            });
        }
    });
    port
}

fn trusting(port: u16, authority: &Authority) -> MarathonConfig {
    MarathonConfig {
        authorities: Some(authority.pem()),
        patience: Duration::from_secs(5),
        ..config(&format!("https://localhost:{port}"))
    }
}

fn showing(issued: &Issued) -> ClientCertificate {
    ClientCertificate {
        certificate: issued.certificate.clone().into_bytes(),
        key: issued.key.clone().into_bytes(),
    }
}

/// Why there is no trust: the message, and what to do.
async fn distrust(config: MarathonConfig) -> (String, String) {
    let error = Marathon::new(config).unwrap().engine().await.unwrap_err();
    assert!(!error.is_passing(), "{error:?}");
    match &error {
        ClusterError::Untrusted { advice, .. } => (error.to_string(), advice.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named() {
    let authority = Authority::new();
    let port = serve(&authority.issues("localhost"), None).await;
    let marathon = Marathon::new(trusting(port, &authority)).unwrap();
    assert_eq!(marathon.engine().await.unwrap().version, "1.11.0");
}

#[tokio::test]
async fn who_is_not_trusted_is_told_with_what_to_do() {
    let authority = Authority::new();
    let mut old = CertificateParams::new(["localhost".to_owned()]).unwrap();
    old.not_before = date_time_ymd(2020, 1, 1);
    old.not_after = date_time_ymd(2021, 2, 3);
    let mut early = CertificateParams::new(["localhost".to_owned()]).unwrap();
    early.not_before = date_time_ymd(2999, 1, 1);
    early.not_after = date_time_ymd(2999, 2, 3);
    for (issued, trusted, message, advice) in [
        (
            authority.issues_with(&old),
            &authority,
            "its certificate has expired, at 2021-02-03T00:00:00Z",
            "has to renew its certificate",
        ),
        (
            authority.issues_with(&early),
            &authority,
            "its certificate is not valid before 2999-01-01T00:00:00Z",
            "this machine's clock",
        ),
        (
            authority.issues("marathon.example"),
            &authority,
            "its certificate is for another name: marathon.example",
            "write one of these names into urls",
        ),
        (
            authority.issues("localhost"),
            &Authority::new(),
            "its certificate is from an authority that is not known here",
            "as ca-file under marathon in mesos.yaml",
        ),
    ] {
        let port = serve(&issued, None).await;
        let (told, help) = distrust(trusting(port, trusted)).await;
        let address = format!("marathon at https://localhost:{port} is not trusted");
        assert!(told.contains(&address) && told.contains(message), "{told}");
        assert!(help.contains(advice), "{help}");
    }
}

#[tokio::test]
async fn a_server_may_want_to_see_a_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = authority.issues("localhost");
    let port = serve(&server, Some(&authority)).await;
    let shown = |issued: Option<Issued>| MarathonConfig {
        certificate: issued.as_ref().map(showing),
        ..trusting(port, &authority)
    };
    let (told, help) = distrust(shown(None)).await;
    assert!(told.contains("it wants a client's certificate"), "{told}");
    assert!(help.contains("cert-file and key-file"), "{help}");
    let (told, help) = distrust(shown(Some(stranger.issues("me")))).await;
    assert!(
        told.contains("it refuses the client's certificate"),
        "{told}"
    );
    assert!(help.contains("check cert-file and key-file"), "{help}");
    let marathon = Marathon::new(shown(Some(authority.issues("me")))).unwrap();
    assert_eq!(marathon.engine().await.unwrap().version, "1.11.0");
}

#[tokio::test]
async fn a_certificate_is_shown_at_configured_addresses_only() {
    let authority = Authority::new();
    let issued = authority.issues("localhost");
    // Mesos wants to see one, too, but nobody has said that it may.
    let mesos = serve(&issued, Some(&authority)).await;
    let server = crate::server::server("1.11.0").await;
    server.reset().await;
    let info = serde_json::json!({
        "version": "1.11.0",
        "marathon_config": {"mesos_leader_ui_url": format!("https://localhost:{mesos}")},
    });
    let answer = wiremock::ResponseTemplate::new(200).set_body_json(info);
    crate::server::answer(&server, "GET", "/v2/info", answer).await;
    let queue =
        wiremock::ResponseTemplate::new(200).set_body_json(serde_json::json!({"queue": []}));
    crate::server::answer(&server, "GET", "/v2/queue", queue).await;
    let config = MarathonConfig {
        certificate: Some(showing(&authority.issues("me"))),
        authorities: Some(authority.pem()),
        patience: Duration::from_secs(5),
        ..config(&server.uri())
    };
    let inventory = Marathon::new(config).unwrap().hosts().await.unwrap();
    assert!(!inventory.is_complete, "Mesos was asked, and answered");
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_so() {
    let server = crate::server::server("1.11.0").await;
    let authority = Authority::new();
    let port = server.address().port();
    let (told, help) = distrust(trusting(port, &authority)).await;
    assert!(told.contains("it does not speak TLS"), "{told}");
    assert!(help.contains("is it http://"), "{help}");
}

#[tokio::test]
async fn of_several_addresses_one_that_is_not_trusted_is_passed_over() {
    let authority = Authority::new();
    let bad = serve(&Authority::new().issues("localhost"), None).await;
    let good = serve(&authority.issues("localhost"), None).await;
    let mut config = trusting(bad, &authority);
    let url = format!("https://localhost:{good}");
    config.urls.push(url.parse().unwrap());
    let marathon = Marathon::new(config).unwrap();
    assert_eq!(marathon.engine().await.unwrap().version, "1.11.0");
}

#[test]
fn a_certificate_without_its_key_is_no_configuration() {
    let authority = Authority::new();
    let (mine, other) = (authority.issues("me"), authority.issues("me"));
    for (certificate, key) in [
        (&*mine.certificate, ""),
        (&*mine.certificate, &*other.key),
        ("", &*mine.key),
    ] {
        let config = MarathonConfig {
            certificate: Some(ClientCertificate {
                certificate: certificate.as_bytes().to_vec(),
                key: key.as_bytes().to_vec(),
            }),
            ..config("https://localhost:1")
        };
        let error = Marathon::new(config).unwrap_err();
        assert!(
            matches!(error, theseus_marathon::ConfigError::Certificate(_)),
            "{error:?}"
        );
    }
}
