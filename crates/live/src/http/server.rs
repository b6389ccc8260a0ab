//! The service as a whole: it listens, serves, and stops in time.
//!
//! Decision D-625.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::access::{Access, TokenFileError};
use crate::http::connection::{refuse_connection, serve_connection};
use crate::http::limits::HttpLimits;
use crate::http::routes::router;
use crate::http::service::{HttpConfig, Service};

/// How long to wait when no connection can be accepted, such as for lack of file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A service on a thread of its own. It stops when it is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop_timeout: Duration,
    stop: Option<oneshot::Sender<()>>,
    ended: mpsc::Receiver<Result<(), HttpServerError>>,
}

/// Why a service does not run.
#[derive(Debug, Error)]
pub enum HttpServerError {
    /// Others than this machine could reach it, and nothing would hold them off.
    #[error(
        "{0} can be reached from other machines, so tokens are needed: `flowbench token add` makes a file of them for --tokens; or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// A name that is in no `Host` header.
    #[error("'{0}' is not a name that a Host header can have; give a host such as wall.example.org, or with its port")]
    Name(String),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; is another process there? --listen names another address, and port 0 any that is free"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system refuses something else.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What it says.
        source: io::Error,
    },
    /// The tokens cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// The thread of the service is gone without a word.
    #[error("the thread of the HTTP service has panicked; its message is above, please report it")]
    Panicked,
    /// The thread of the service did not end in time.
    #[error("the HTTP service did not stop within {} s", .0.as_secs())]
    Stuck(Duration),
}

impl HttpServer {
    /// Listens on an address (port 0 for any that is free) and serves from then on.
    ///
    /// # Errors
    ///
    /// Fails if the address is not to be had, or not to be had without tokens, or if the tokens cannot be read.
    pub fn start(address: SocketAddr, config: HttpConfig) -> Result<HttpServer, HttpServerError> {
        // Before it is bound, so that nobody gets in for a moment.
        check_protection(address, config.tokens.is_some())?;
        let listener = TcpListener::bind(address).map_err(|source| HttpServerError::Bind { address, source })?;
        let address = listener.local_addr().map_err(io_error("learn the address"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(io_error("start the HTTP service"))?;
        let stop_timeout = config.limits.stop_timeout;
        let (stop, stopped) = oneshot::channel();
        let (done, ended) = mpsc::channel();
        let serving = Serving::new(listener, config)?;
        let run = move || {
            let outcome = runtime.block_on(serving.run(async {
                // A sender that is dropped says the same.
                let _ = stopped.await;
            }));
            runtime.shutdown_background();
            let _ = done.send(outcome);
        };
        thread::Builder::new().name("http".to_owned()).spawn(run).map_err(io_error("start a thread for HTTP"))?;
        Ok(HttpServer { address, stop_timeout, stop: Some(stop), ended })
    }

    /// Returns the address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, ends streams and long polls, and waits until what is under way has been answered, no longer
    /// than the configured time.
    ///
    /// # Errors
    ///
    /// Fails if the service ended with an error before, or does not end.
    pub fn stop(mut self) -> Result<(), HttpServerError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), HttpServerError> {
        let Some(stop) = self.stop.take() else { return Ok(()) };
        // If it has ended by itself, nobody listens.
        let _ = stop.send(());
        let patience = self.stop_timeout + Duration::from_secs(5);
        match self.ended.recv_timeout(patience) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(HttpServerError::Stuck(patience)),
            Err(RecvTimeoutError::Disconnected) => Err(HttpServerError::Panicked),
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::error!("{error}");
        }
    }
}

/// Serves on a listener until `shutdown` is ready, on the runtime of the caller.
///
/// # Errors
///
/// Fails like [`HttpServer::start`].
pub async fn serve(
    listener: TcpListener,
    config: HttpConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), HttpServerError> {
    Serving::new(listener, config)?.run(shutdown).await
}

/// A service that is ready to run.
struct Serving {
    listener: TcpListener,
    service: Arc<Service>,
    router: axum::Router,
    stop: watch::Sender<bool>,
}

impl Serving {
    fn new(listener: TcpListener, config: HttpConfig) -> Result<Serving, HttpServerError> {
        let HttpConfig { names, tokens, intake, feeds, filters, status, routes, limits } = config;
        let address = listener.local_addr().map_err(io_error("learn the address"))?;
        check_protection(address, tokens.is_some())?;
        check_names(&names)?;
        let access = tokens.map_or_else(|| Ok(Access::for_anyone()), Access::by_tokens)?;
        let (stop, stopping) = watch::channel(false);
        let limits = bounded(limits);
        let service = Arc::new(Service {
            names,
            access,
            intake,
            feeds,
            filters,
            status,
            connections: Arc::new(Semaphore::new(limits.connections)),
            readers: Arc::new(Semaphore::new(limits.readers)),
            posts: Semaphore::new(limits.posts),
            limits,
            refused_connections: AtomicU64::new(0),
            stop: stopping,
        });
        let router = router(&service, routes);
        Ok(Serving { listener, service, router, stop })
    }

    async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), HttpServerError> {
        self.listener.set_nonblocking(true).map_err(io_error("listen"))?;
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(io_error("listen"))?;
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = shutdown.as_mut() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => accept(stream, &self.service, &self.router),
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
        drop(listener);
        self.stop.send_replace(true);
        let limits = &self.service.limits;
        // All permits are back when all connections have ended.
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        if timeout(limits.stop_timeout, self.service.connections.acquire_many(all)).await.is_err() {
            log::warn!("connections that did not end in time were cut off");
        }
        Ok(())
    }
}

fn accept(stream: tokio::net::TcpStream, service: &Arc<Service>, router: &axum::Router) {
    match Arc::clone(&service.connections).try_acquire_owned() {
        Err(_) => {
            service.refused_connections.fetch_add(1, Ordering::Relaxed);
            refuse_connection(&stream);
        }
        Ok(permit) => {
            let (service, router) = (Arc::clone(service), router.clone());
            tokio::spawn(async move {
                serve_connection(stream, service, router).await;
                drop(permit);
            });
        }
    }
}

fn check_protection(address: SocketAddr, has_tokens: bool) -> Result<(), HttpServerError> {
    let is_protected = has_tokens || address.ip().to_canonical().is_loopback();
    if is_protected { Ok(()) } else { Err(HttpServerError::Unprotected(address)) }
}

fn check_names(names: &[String]) -> Result<(), HttpServerError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let malformed = names.iter().find(|name| name.is_empty() || !name.chars().all(is_allowed));
    malformed.map_or(Ok(()), |name| Err(HttpServerError::Name(name.clone())))
}

/// Keeps counts of permits within what a semaphore can hand out at once.
fn bounded(limits: HttpLimits) -> HttpLimits {
    let permits = |count: usize| count.clamp(1, 1 << 16);
    HttpLimits {
        connections: permits(limits.connections),
        readers: permits(limits.readers),
        posts: permits(limits.posts),
        ..limits
    }
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> HttpServerError {
    move |source| HttpServerError::Io { action, source }
}
