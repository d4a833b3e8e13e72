//! How a gateway is set up. Every default is what Envoy does, or what makes a test repeatable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::abi::{LogLevel, Status};
use super::foreign;
use super::logs::LogLine;
use super::shared::SharedStore;

/// Set-up of a [`super::Gateway`]. Start from `Options::default()`.
#[derive(Clone)]
pub struct Options {
    /// Plugin configuration bytes.
    pub configuration: Vec<u8>,
    /// VM configuration bytes.
    pub vm_configuration: Vec<u8>,
    /// Name of the plugin (property `plugin_name`).
    pub plugin_name: String,
    /// `root_id` of the plugin.
    pub root_id: String,
    /// `vm_id`: the namespace of queues.
    pub vm_id: String,
    /// How many VMs run the module.
    pub workers: usize,
    /// The first worker's number. Gateways that share a store need numbers of their own, because a
    /// queue remembers its listener's.
    pub first_worker: usize,
    /// How a paused header callback behaves.
    pub profile: Profile,
    /// What happens after a trap.
    pub failure: FailurePolicy,
    /// Bytes a paused body may take before 413 (Envoy's default is 1 MiB).
    pub buffer_limit: usize,
    /// The wall clock.
    pub clock: Clock,
    /// Where `random_get` takes its bytes from.
    pub entropy: Entropy,
    /// Fuel for one callback; running out is a trap. Envoy itself has no such limit.
    pub fuel: u64,
    /// Linear memory limit in 64 KiB pages (Envoy: 1 GiB).
    pub memory_pages: usize,
    /// Clusters a plugin can call. Any other name is refused at dispatch.
    pub clusters: BTreeSet<String>,
    /// Who a callout belongs to.
    pub callout_owner: CalloutOwner,
    /// Properties every stream has, by path segments joined with NUL.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Environment of the guest.
    pub environment: Vec<(String, String)>,
    /// What `proxy_get_log_level` answers.
    pub log_level: LogLevel,
    /// Where log lines go.
    pub log: LogSink,
    /// Functions behind `proxy_call_foreign_function`; any other name is `NotFound`. By default those
    /// of Envoy that are modelled: `verify_signature`.
    pub foreign: BTreeMap<String, ForeignFunction>,
    /// Shared data, queues and metrics; give two gateways the same store to let them share.
    pub shared: SharedStore,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            configuration: Vec::new(),
            vm_configuration: Vec::new(),
            plugin_name: "deputy".into(),
            root_id: "deputy".into(),
            vm_id: "deputy".into(),
            workers: 1,
            first_worker: 0,
            profile: Profile::EnvoyHold,
            failure: FailurePolicy::Closed,
            buffer_limit: 1 << 20,
            clock: Clock::Virtual(VIRTUAL_START),
            entropy: Entropy::Seeded(0),
            fuel: 2_000_000_000,
            memory_pages: 16_384,
            clusters: BTreeSet::new(),
            callout_owner: CalloutOwner::Caller,
            properties: BTreeMap::new(),
            environment: Vec::new(),
            log_level: LogLevel::Trace,
            log: LogSink::Collect,
            foreign: foreign::envoy(),
            shared: SharedStore::default(),
        }
    }
}

impl Options {
    /// The defaults with a plugin configuration.
    pub fn configured(configuration: impl Into<Vec<u8>>) -> Self {
        Self { configuration: configuration.into(), ..Self::default() }
    }

    /// Makes a cluster known.
    #[must_use]
    pub fn cluster(mut self, name: &str) -> Self {
        self.clusters.insert(name.into());
        self
    }

    /// Gives every stream a property.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl Into<Vec<u8>>) -> Self {
        self.properties.insert(path.join("\0").into_bytes(), value.into());
        self
    }
}

/// 2026-01-01T00:00:00Z, an arbitrary but recognisable start of virtual time.
const VIRTUAL_START: u64 = 1_767_225_600_000_000_000;

/// How Envoy treats `Pause` in a header callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Plain Envoy: `Pause` stops everything, the body callback does not come.
    Envoy,
    /// `allow_on_headers_stop_iteration: true`: headers are held, body callbacks still come.
    EnvoyHold,
}

/// What follows a trap. The crashed request and those in flight get 503 under every policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// `FAIL_CLOSED`: 503 on that worker for ever.
    Closed,
    /// `FAIL_OPEN`: later requests on that worker skip the plugin.
    Open,
    /// `FAIL_RELOAD`: 503 during the back-off, then a new VM; shared data is kept.
    Reload {
        /// Envoy's default is about one second, jittered; here exact.
        backoff: Duration,
    },
}

/// The wall clock of the guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Stands still at this many nanoseconds since 1970 until the test moves it.
    Virtual(u64),
    /// The machine's clock.
    Real,
    /// There is none: the guest gets an error.
    Absent,
}

/// What `random_get` yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entropy {
    /// Every call starts at the front of this pattern and repeats it. A test knows the bytes of
    /// every call, however much randomness the guest's standard library drew before.
    Fixed(Vec<u8>),
    /// A stream that depends only on the seed; one stream for the whole gateway.
    Seeded(u64),
    /// The operating system.
    System,
}

/// Who a callout belongs to; when the owner is gone, the reply is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalloutOwner {
    /// The context that dispatched it: what a plugin on the Rust SDK observes in Envoy.
    Caller,
    /// The plugin's root context, so a reply arrives even after its stream has gone: what
    /// proxy-wasm-cpp-host does before the SDK filters it.
    Root,
}

/// Where log lines go.
#[derive(Clone)]
pub enum LogSink {
    /// Kept in memory for [`super::Gateway::logs`].
    Collect,
    /// Handed to a function and not kept.
    Each(Arc<dyn Fn(&LogLine) + Send + Sync>),
}

/// A function behind `proxy_call_foreign_function`.
pub type ForeignFunction = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, Status> + Send + Sync>;
