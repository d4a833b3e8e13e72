//! The harness as a reverse proxy in front of a real upstream: HTTP/1.1 and HTTP/2 with prior
//! knowledge, the machine's clock and randomness, callouts that are really made, ticks that come.
//!
//! For development and demonstrations. Not here: TLS, upgrades, retries, limits on connections, and
//! flow control between a slow client and a fast upstream.

mod body;
mod callout;
mod journal;
mod proxy;
mod seat;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use http::Uri;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use crate::vm::{Clock, Entropy, FailurePolicy, LogSink, Module, Options, SharedStore};

use journal::Journal;
use proxy::Route;
use seat::Seat;
use wire::Client;

/// What a devhost is told on its command line.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The plugin module.
    pub module: Vec<u8>,
    /// Its configuration.
    pub configuration: Vec<u8>,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where requests are forwarded: scheme and authority.
    pub upstream: Uri,
    /// Clusters the plugin may call, by name.
    pub clusters: BTreeMap<String, Uri>,
    /// File that receives one receipt per line.
    pub receipts: Option<PathBuf>,
    /// How many VMs run the module, each on a thread of its own.
    pub workers: usize,
    /// What follows a trap.
    pub failure: FailurePolicy,
    /// Bytes a paused body may take.
    pub buffer_limit: usize,
}

/// A started plugin and a bound port.
pub struct Devhost {
    listener: TcpListener,
    seats: Vec<Seat>,
    next: AtomicUsize,
    upstream: Uri,
    client: Client,
}

impl Devhost {
    /// Starts the plugin in every worker, then binds the port: who can connect is served.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let module = Module::load(&settings.module)?;
        let journal = Journal::open(settings.receipts.as_deref())?;
        let client = wire::client();
        let options = options(&settings, journal);
        let calls = callout::Caller::new(client.clone(), settings.clusters.clone());
        let mut seats = Vec::new();
        for number in 0..settings.workers.max(1) {
            seats.push(Seat::take(
                number,
                module.clone(),
                Options { first_worker: number, ..options.clone() },
                calls.clone(),
            )?);
        }
        let bound = TcpListener::bind(settings.listen).await;
        let listener = bound.with_context(|| format!("cannot listen on {}", settings.listen))?;
        Ok(Self { listener, seats, next: AtomicUsize::new(0), upstream: settings.upstream, client })
    }

    /// Where it listens; the port is real even when 0 was asked for.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves connections until the future is dropped.
    pub async fn run(self) -> anyhow::Result<()> {
        let host = Arc::new(self);
        loop {
            let (connection, _) = host.listener.accept().await?;
            connection.set_nodelay(true)?;
            let host = Arc::clone(&host);
            tokio::spawn(async move {
                let service =
                    hyper::service::service_fn(|request| proxy::serve(host.route(), request));
                let server = auto::Builder::new(TokioExecutor::new());
                // A client that breaks off is no event of this host.
                let _ = server.serve_connection(TokioIo::new(connection), service).await;
            });
        }
    }

    /// The next worker in turn.
    fn route(&self) -> Route {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let seat = self.seats[turn % self.seats.len()].clone();
        Route { seat, upstream: self.upstream.clone(), client: self.client.clone() }
    }
}

fn options(settings: &Settings, journal: Journal) -> Options {
    Options {
        configuration: settings.configuration.clone(),
        clusters: settings.clusters.keys().cloned().collect(),
        failure: settings.failure,
        buffer_limit: settings.buffer_limit,
        clock: Clock::Real,
        entropy: Entropy::System,
        log: LogSink::Each(Arc::new(move |line| journal.write(line))),
        shared: SharedStore::default(),
        ..Options::default()
    }
}
