//! Webhooks over https: who the receiver is, is checked before it is told anything.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;

use crate::webhook::RequestDeadlines;
use crate::webhook::client::{SinkClient, config};
use crate::webhook::tests::session::sink;

/// A certificate for 127.0.0.1 that nobody else has signed, and its key.
const LOOPBACK: &[u8] = include_bytes!("loopback.pem");

/// Starts a server for one connection. Returns its port, and what will be received on the connection: nothing if the client
/// refuses the certificate.
fn server(address: &str) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let certificate = CertificateDer::from_pem_slice(LOOPBACK).unwrap();
    let key = PrivateKeyDer::from_pem_slice(LOOPBACK).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).unwrap_or(0);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        sender.send(String::from_utf8_lossy(&request[..length]).into_owned()).unwrap();
    });
    (port, received)
}

fn deadlines() -> RequestDeadlines {
    let [connect, response, whole] = [60; 3].map(Duration::from_secs);
    RequestDeadlines { connect, response, whole }
}

fn trusting_client(url: &str) -> SinkClient {
    let certificate = Certificate::from_pem(LOOPBACK).unwrap();
    let roots = RootCerts::new_with_certs(&[certificate]);
    let config = config(deadlines()).tls_config(TlsConfig::builder().root_certs(roots).build());
    SinkClient::with_parts(&sink(url, "")[0], config.build(), Box::new(DefaultResolver::default()))
}

#[test]
fn a_receiver_with_a_known_certificate_for_its_host_is_asked() {
    let (port, received) = server("127.0.0.1:0");
    let reply = trusting_client(&format!("https://127.0.0.1:{port}/hook")).ask(None).unwrap();
    assert_eq!(reply.status, 200);
    let request = received.recv().unwrap().to_lowercase();
    assert!(
        request.starts_with("options /hook ") && request.contains("webhook-request-origin: me.example"),
        "{request}"
    );
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let (port, received) = server("127.0.0.2:0");
    let error = trusting_client(&format!("https://127.0.0.2:{port}/hook")).ask(None).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(received.recv().unwrap(), "");
}

#[test]
fn an_unknown_certificate_is_refused_before_anything_is_sent() {
    let (port, received) = server("127.0.0.1:0");
    let client = SinkClient::new(&sink(&format!("https://127.0.0.1:{port}/hook"), "")[0], deadlines());
    let error = client.ask(None).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(received.recv().unwrap(), "");
}
