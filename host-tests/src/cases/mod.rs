//! The conformance cases: what a request is, and what has to come of it, on every host alike.
//!
//! Cases are JSON under `host-tests/cases/<subject>`; its `README.md` is the reference of their
//! format. Here they are read, their tokens minted, their shorthand written out, so that a host is
//! handed nothing but bytes and instants ([`Resolved`]). Not here: hosts, and judging what they
//! did (`runner`).

mod answer;
pub mod approvals;
mod bundle;
mod connection;
pub mod directory;
mod expect;
mod format;
mod keys;
mod load;
mod moment;
mod mutate;
mod patch;
mod proof;
mod request;
mod resolve;
mod resolved;
pub mod security_events;
pub mod status_list;
mod text;
mod token;

pub use expect::{Expect, ExpectResponse};
pub use load::{all, folder};
pub use resolve::NOW;
pub use resolved::{Bytes, Exchange, FetchAnswer, Pair, Resolved, Response, plain};

/// One case, ready to be run.
#[derive(Clone, Debug)]
pub struct Case {
    /// For the hosts.
    pub resolved: Resolved,
    /// Where its rule comes from.
    pub refs: Vec<String>,
    /// The configuration has to be refused, with these texts.
    pub refused: Option<Vec<String>>,
    /// For each exchange, what has to come of it. The last one is the probe.
    pub expected: Vec<Expected>,
    source: Source,
}

/// What a case was made from.
#[derive(Clone, Debug)]
struct Source {
    subject: String,
    variant: String,
    whole: serde_json::Value,
}

/// What has to come of an exchange, and what must not get out.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The outcome.
    pub expect: Expect,
    /// Every token of the request.
    pub tokens: Vec<String>,
}

impl Case {
    /// `subject/name` or `subject/name/variant`.
    pub fn name(&self) -> &str {
        &self.resolved.name
    }

    /// The same case on a host whose clock can't be set: every exchange at that instant (Unix
    /// milliseconds), whatever its `times` say.
    ///
    /// # Panics
    /// When the files have changed since.
    #[must_use]
    pub fn at(&self, instant: u64) -> Self {
        load::at(&self.source, instant).unwrap_or_else(|problem| panic!("{problem:#}"))
    }

    /// The same case, described by something more, as a row of `variants` does it.
    ///
    /// # Panics
    /// When that describes nothing.
    #[must_use]
    pub fn with(&self, over: &serde_json::Value) -> Self {
        load::with(&self.source, over).unwrap_or_else(|problem| panic!("{over}: {problem:#}"))
    }

    /// Whether it is about time: it says when something happens, other than the probe; or policies of the
    /// library look at the hour.
    pub fn needs_its_own_clock(&self) -> bool {
        if self.subject() == "library" {
            return true;
        }
        let (_, told) = self.resolved.exchanges.split_last().unzip();
        told.unwrap_or_default()
            .iter()
            .any(|exchange| exchange.arrives != NOW || exchange.answered != exchange.arrives)
    }

    /// Whether it is about the connection: it names something that a plain one does not have.
    pub fn needs_its_own_connection(&self) -> bool {
        let plain = |(name, value): &Pair| name.0 == b"connection.mtls" && value.0 == [0];
        self.resolved.exchanges.iter().any(|exchange| !exchange.attributes.iter().all(plain))
    }

    /// The folder it comes from.
    pub fn subject(&self) -> &str {
        self.name().split('/').next().unwrap_or_default()
    }

    /// Whether its configuration is the one most cases share.
    pub fn has_configuration_of(&self, other: &Self) -> bool {
        self.resolved.configuration == other.resolved.configuration
    }
}
