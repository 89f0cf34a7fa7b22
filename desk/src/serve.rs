//! Listening: where it is safe to, over TLS or not, until somebody says stop.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::auth::{Hosts, Logins};
use crate::connections::Connections;
use crate::limits::Limits;
use crate::{Desk, Error, Result, router};

/// How long running requests may go on after the stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long a client may take for the head of a request, and for the TLS handshake.
const HEAD: Duration = Duration::from_secs(15);

/// What was asked for on the command line.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Certificate chain and key, both PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Who may read the pages.
    pub logins: Option<PathBuf>,
    /// How much each sender may take.
    pub limits: Limits,
}

/// An open socket, and all that was decided about who may use it.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    logins: Option<Logins>,
    limits: Limits,
    connections: Connections,
}

impl Server {
    /// Reads the files of `wish` and opens the socket. Nothing answers there yet.
    ///
    /// # Errors
    /// [`Error::Exposed`] when others than this machine could reach it and TLS or logins are missing; otherwise when a
    /// file cannot be used or the address is taken.
    pub fn bind(wish: &Wish) -> Result<Server> {
        refuse_exposure(wish)?;
        let tls = wish.tls.as_ref().map(|(certificate, key)| tls(certificate, key)).transpose()?;
        let logins = wish.logins.as_deref().map(Logins::read).transpose()?;
        let failed = |source| Error::Listen { address: wish.address, source };
        let listener = TcpListener::bind(wish.address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server { listener, address, tls, logins, limits: wish.limits, connections: Connections::new() })
    }

    /// The same server with at most `most` connections.
    #[cfg(test)]
    pub(crate) fn with_connections(self, most: usize) -> Server {
        Server { connections: Connections::at_most(most), ..self }
    }

    /// Where it listens, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the board, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Answers for `desk` until `stop`, lets running requests end, and closes the database.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn run(self, desk: Desk, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let failed = |source| Error::Listen { address: self.address, source };
        let store = desk.store().clone();
        let proven = self.tls.is_some() && self.logins.is_some();
        let desk =
            desk.with_hosts(if proven { Hosts::Any } else { Hosts::Loopback }).with_limits(self.limits);
        let desk = match self.logins {
            Some(logins) => desk.with_logins(logins),
            None => desk,
        };
        let service = router(desk).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let ending = handle.clone();
        let stopper = tokio::spawn(async move {
            stop.await;
            ending.graceful_shutdown(Some(GRACE));
        });
        let ended = match self.tls {
            Some(tls) => {
                let config = RustlsConfig::from_config(tls);
                let mut server = axum_server::from_tcp_rustls(self.listener, config)
                    .map_err(failed)?
                    .map(|acceptor| acceptor.handshake_timeout(HEAD).acceptor(self.connections))
                    .handle(handle)
                    .http1_only();
                server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
                server.serve(service).await
            }
            None => {
                let mut server = axum_server::from_tcp(self.listener)
                    .map_err(failed)?
                    .acceptor(self.connections)
                    .handle(handle)
                    .http1_only();
                server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
                server.serve(service).await
            }
        };
        stopper.abort();
        store.close().await;
        ended.map_err(failed)
    }
}

/// Beyond this machine nobody reads without a login, and no password or credential travels in the clear.
fn refuse_exposure(wish: &Wish) -> Result<()> {
    if wish.address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let missing = match (&wish.tls, &wish.logins) {
        (Some(_), Some(_)) => return Ok(()),
        (None, Some(_)) => "--tls-cert and --tls-key",
        (Some(_), None) => "--login-file",
        (None, None) => "--tls-cert, --tls-key and --login-file",
    };
    Err(Error::Exposed(format!(
        "listening on {} lets other machines reach the desk: add {missing}, or listen on 127.0.0.1",
        wish.address
    )))
}

fn tls(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let unusable = |file: &Path, why: &dyn std::fmt::Display| {
        Error::Unusable(format!("cannot use {} for TLS: {why}", file.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(certificate, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|error| unusable(certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_need_tls_and_a_login() {
        let refusal = |address: &str, tls: bool, logins: bool| {
            let wish = Wish {
                address: address.parse().unwrap(),
                tls: tls.then(|| ("c".into(), "k".into())),
                logins: logins.then(|| "l".into()),
                limits: Limits::default(),
            };
            refuse_exposure(&wish).err().map(|error| error.to_string()).unwrap_or_default()
        };
        insta::assert_snapshot!(refusal("0.0.0.0:80", false, false), @"listening on 0.0.0.0:80 lets other machines reach the desk: add --tls-cert, --tls-key and --login-file, or listen on 127.0.0.1");
        insta::assert_snapshot!(refusal("[::]:80", false, true), @"listening on [::]:80 lets other machines reach the desk: add --tls-cert and --tls-key, or listen on 127.0.0.1");
        insta::assert_snapshot!(refusal("192.0.2.1:80", true, false), @"listening on 192.0.2.1:80 lets other machines reach the desk: add --login-file, or listen on 127.0.0.1");
        assert_eq!(refusal("0.0.0.0:80", true, true), "");
        for loopback in ["127.0.0.1:0", "127.1.2.3:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert_eq!(refusal(loopback, false, false), "", "{loopback}");
        }
    }

    #[test]
    fn nothing_is_opened_for_strangers() {
        let wish = Wish {
            address: "0.0.0.0:0".parse().unwrap(),
            tls: None,
            logins: None,
            limits: Limits::default(),
        };
        assert!(matches!(Server::bind(&wish), Err(Error::Exposed(_))));
    }
}
