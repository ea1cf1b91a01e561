//! The viewer's own server: TLS, and clients that do not do their part.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use theseus_viewer::{Exposure, Tls, serve};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{PATIENCE, TOKEN, token, viewer};

async fn served(exposure: Exposure) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, viewer(), exposure, std::future::pending()));
    address
}

async fn get(mut connection: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> String {
    let request = format!("GET {head}connection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = connection.read_to_end(&mut answer);
    // Whoever closes without a word of TLS has still said everything before.
    let _ = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A certificate of its own for `localhost`, and its key.
fn made() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Whoever trusts just this one.
fn trusting(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn pem(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> (String, String) {
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn certificate() -> (Tls, ClientConfig) {
    let made = made();
    let (certificate, key) = pem(&made);
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    (tls, trusting(&made))
}

async fn connect(address: SocketAddr, config: &ClientConfig) -> TlsStream<TcpStream> {
    connects(address, config).await.expect("it is trusted")
}

async fn connects(
    address: SocketAddr,
    config: &ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config.clone()));
    connector.connect(name, stream).await
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_whoever_connects_from_then_on() {
    let (tls, former) = certificate();
    let address = served(Exposure {
        tls: Some(tls.clone()),
        ..Exposure::default()
    })
    .await;
    let port = address.port();
    let head = format!("/health HTTP/1.1\r\nhost: localhost:{port}\r\n");
    let open = connect(address, &former).await;

    // What does not fit together takes no other's place.
    let (renewed, other) = (made(), made());
    let (certificate, key) = (pem(&renewed).0, pem(&other).1);
    assert!(tls.renew(certificate.as_bytes(), key.as_bytes()).is_err());
    let answer = get(connect(address, &former).await, &head).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let (certificate, key) = pem(&renewed);
    tls.renew(certificate.as_bytes(), key.as_bytes()).unwrap();
    let answer = get(connect(address, &trusting(&renewed)).await, &head).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(connects(address, &trusting(&other)).await.is_err());
    // Whoever is connected is not cut off.
    let answer = get(open, &head).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn it_speaks_tls_with_a_certificate_of_its_own() {
    let (tls, config) = certificate();
    let address = served(Exposure {
        tls: Some(tls),
        token: Some(token()),
        ..Exposure::default()
    })
    .await;
    let connect = async || connect(address, &config).await;
    let port = address.port();
    let head = format!("/api/v1/status HTTP/1.1\r\nhost: localhost:{port}\r\n");
    let answer = get(connect().await, &head).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
    let with_token = format!("{head}authorization: Bearer {TOKEN}\r\n");
    let answer = get(connect().await, &with_token).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    // Plain words are no TLS, and cost nobody anything.
    let plain = TcpStream::connect(address).await.unwrap();
    let answer = get(plain, &head).await;
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn over_http_2_it_knows_by_which_name_it_is_asked() {
    let (tls, mut config) = certificate();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = served(Exposure {
        tls: Some(tls),
        token: Some(token()),
        host_names: vec!["theseus.example.com".to_owned()],
        ..Exposure::default()
    })
    .await;
    let stream = TokioIo::new(connect(address, &config).await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let port = address.port();
    for (name, cookie, for_good) in [
        ("theseus.example.com".to_owned(), "viewer".to_owned(), true),
        (format!("localhost:{port}"), port.to_string(), false),
    ] {
        let origin = format!("https://{name}");
        let request = Request::post(format!("{origin}/sign-in"))
            .header("origin", &origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("token={TOKEN}")))
            .unwrap();
        assert!(!request.headers().contains_key("host"));
        let answered = tokio::time::timeout(PATIENCE, sender.clone().send_request(request));
        let response = answered.await.expect("it answers").unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{name}");
        let headers = response.headers();
        let set = headers["set-cookie"].to_str().unwrap();
        let expected = format!("__Host-theseus-{cookie}=");
        assert!(set.starts_with(&expected), "{name}: {set}");
        let is_for_good = headers.contains_key("strict-transport-security");
        assert_eq!(is_for_good, for_good, "{name}");
    }
}

#[tokio::test]
async fn headers_have_a_bound() {
    let address = served(Exposure::default()).await;
    let connection = TcpStream::connect(address).await.unwrap();
    let filler = "x".repeat(64 << 10);
    let answer = get(
        connection,
        &format!("/ HTTP/1.1\r\nhost: {address}\r\nx-filler: {filler}\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn certificates_that_are_none_are_refused() {
    let (certificate, key) = (pem(&made()).0, pem(&made()).1);
    for (certificate, key) in [
        ("", key.as_str()),
        ("nonsense", key.as_str()),
        (certificate.as_str(), ""),
        (certificate.as_str(), key.as_str()),
    ] {
        let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes());
        assert!(tls.is_err(), "{certificate} {key}");
    }
}
