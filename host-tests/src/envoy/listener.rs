//! One gateway: a listener of a running Envoy, with its upstream and its traces.

use std::net::SocketAddr;
use std::sync::Arc;

use super::client::{Client, Request, Response};
use super::config;
use super::gateway::Gateway;
use super::journal::{self, Access};
use super::process::WORKERS;
use super::server::Server;
use super::wait;

/// A listener with a configuration, an upstream and a root context of its own.
#[derive(Debug)]
pub struct Listener {
    name: String,
    address: SocketAddr,
    /// Where permitted requests go.
    pub upstream: Server,
    gateway: Arc<Gateway>,
    stays: bool,
}

impl Listener {
    pub(super) fn new(
        name: String,
        address: SocketAddr,
        upstream: Server,
        gateway: Arc<Gateway>,
    ) -> Self {
        Self { name, address, upstream, gateway, stays: false }
    }

    /// Leaves it in Envoy for as long as Envoy runs.
    pub(super) fn stay(mut self) {
        self.stays = true;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name in Envoy of a cluster of its plan. It stays there when the listener is gone.
    pub fn own(&self, cluster: &str) -> String {
        config::own(&self.name, cluster)
    }

    /// Where it is.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// A new connection.
    ///
    /// # Panics
    /// When there is none to be had.
    pub fn connect(&self) -> Client {
        Client::connect(self.address).unwrap_or_else(|e| {
            panic!("{} does not accept: {e}\n{}", self.address, self.gateway.process().last_words())
        })
    }

    /// One request on a connection of its own.
    ///
    /// # Panics
    /// When there is no whole answer.
    pub fn send(&self, request: &Request) -> Response {
        let mut client = self.connect();
        client.send(request);
        client.response(request).unwrap_or_else(|e| {
            panic!("no answer: {e}; {:?}\n{}", self.accesses(), self.gateway.process().last_words())
        })
    }

    /// Sends on new connections until every worker has had at least `each` of them.
    ///
    /// # Panics
    /// When a worker gets none.
    pub fn on_every_worker(&self, each: u64, mut send: impl FnMut(&Self)) {
        let before = self.workers();
        let mut sent = 0;
        wait::until("every worker to have its share", wait::START, String::new, || {
            send(self);
            sent += 1;
            let shares = self.workers();
            let enough = |(now, then): (&u64, &u64)| now - then >= each;
            (sent >= each && shares.iter().zip(&before).all(enough)).then_some(())
        });
    }

    /// Connections so far, by worker. A worker counts from when it has the listener.
    fn workers(&self) -> Vec<u64> {
        let names = format!("^listener\\.{}\\.worker_[0-9]*\\.downstream_cx_total$", self.name);
        let stats = wait::until("every worker", wait::PATIENCE, String::new, || {
            Some(self.gateway.admin().stats(&names)).filter(|stats| stats.len() == WORKERS)
        });
        stats.into_iter().map(|(_, count)| count).collect()
    }

    /// Requests under way.
    pub fn under_way(&self) -> u64 {
        self.gateway.admin().stat(&format!("http.{}.downstream_rq_active", self.name))
    }

    /// Waits until that many requests are under way.
    pub fn wait_under_way(&self, count: u64) {
        let what = format!("{count} requests under way");
        let otherwise = || format!("{} are", self.under_way());
        wait::until(&what, wait::PATIENCE, otherwise, || (self.under_way() == count).then_some(()));
    }

    /// TLS handshakes that came to nothing, as Envoy counts them: with a certificate whose chain does
    /// not end at the authority, and without one.
    pub fn refused_handshakes(&self) -> (u64, u64) {
        let of = |counter| format!("listener.{}.ssl.{counter}", self.name);
        let stat = |counter| self.gateway.admin().stat(&of(counter));
        (stat("fail_verify_error"), stat("fail_verify_no_cert"))
    }

    /// Bytes that Envoy has read from the upstream.
    pub fn read_from_upstream(&self) -> u64 {
        let stat = format!("cluster.{}-upstream.upstream_cx_rx_bytes_total", self.name);
        self.gateway.admin().stat(&stat)
    }

    /// Everything the plugin has logged here.
    pub fn said(&self) -> Vec<String> {
        self.gateway.journal().said(&self.name)
    }

    /// Its receipts, from the log.
    pub fn receipts(&self) -> Vec<String> {
        self.gateway.journal().receipts(&self.name)
    }

    /// Its access log, so far.
    pub fn accesses(&self) -> Vec<Access> {
        journal::accesses(&self.gateway.access_log(&self.name))
    }

    /// Waits until that many requests are over and in the access log.
    pub fn wait_accesses(&self, count: usize) -> Vec<Access> {
        let what = format!("{count} lines in the access log");
        let otherwise = || format!("{:?}", self.accesses());
        wait::until(&what, wait::PATIENCE, otherwise, || {
            Some(self.accesses()).filter(|lines| lines.len() >= count)
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.stays {
            self.gateway.close(&self.name);
        }
    }
}
