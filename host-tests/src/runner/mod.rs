//! Running the cases: hosts, what they saw, and the judge.
//!
//! A [`Host`] gets a case as bytes and says what happened; it knows no expectation. [`oracle`] holds
//! that against what the case and the nature of its verdict demand; [`report`] runs a whole set and
//! shows every difference at once. Not here: the cases (`crate::cases`).

pub mod envoy;
pub mod oracle;
pub mod report;

mod artifact;
mod exceptions;
mod native;
mod node;
mod proxy_wasm;
mod secrets;
mod subset;

pub use exceptions::Exceptions;
pub use native::Native;
pub use node::Node;
pub use proxy_wasm::{AtOnce, Order, ProxyWasm, Wait};

use serde::{Deserialize, Serialize};

use crate::cases::{Bytes, Pair, Resolved};

/// Something that runs the engine.
pub trait Host {
    /// Its name in reports and in the exceptions file.
    fn name(&self) -> String;

    /// Runs one case from its configuration on.
    fn run(&mut self, case: &Resolved) -> Observed;
}

/// What a host did with a case.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Observed {
    /// What was said about a configuration that was refused.
    #[serde(default)]
    pub refused: Option<String>,
    /// One for each exchange.
    #[serde(default)]
    pub exchanges: Vec<Seen>,
    /// Linear memory in pages of 64 KiB, configured and at the end, where there is such a thing.
    #[serde(default)]
    pub pages: Option<(u64, u64)>,
    /// What went wrong with the host itself, such as a dead VM.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// What happened in one exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Everything the upstream was sent; none: it was not contacted.
    pub upstream: Option<Message>,
    /// Everything the client was sent.
    pub client: Option<Answer>,
    /// Receipts, each as it was written.
    #[serde(default)]
    pub receipts: Vec<String>,
    /// Other log lines.
    #[serde(default)]
    pub logs: Vec<String>,
    /// What the engine asked for, where the host can tell.
    #[serde(default)]
    pub steps: Option<Vec<String>>,
}

/// A request as the upstream got it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// All pairs.
    pub headers: Vec<Pair>,
    /// The body.
    pub body: Bytes,
    /// Trailers.
    #[serde(default)]
    pub trailers: Vec<Pair>,
}

/// A response as the client got it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// All pairs but `:status`.
    pub headers: Vec<Pair>,
    /// The body.
    pub body: Bytes,
}

impl Message {
    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        all(&self.headers, name)
    }
}

impl Answer {
    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        all(&self.headers, name)
    }
}

fn all<'a>(pairs: &'a [Pair], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let named = move |pair: &&Pair| pair.0.0.eq_ignore_ascii_case(name.as_bytes());
    pairs.iter().filter(named).map(|pair| pair.1.0.as_slice())
}

fn wrapped(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<Pair> {
    pairs.into_iter().map(|(name, value)| (Bytes(name), Bytes(value))).collect()
}
