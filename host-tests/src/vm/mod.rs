//! A proxy-wasm 0.2.1 host that models Envoy's filter manager for one plugin.
//!
//! [`Module`] compiles the module once, [`Gateway`] runs it in several workers that share data, and
//! an [`Exchange`] is one HTTP stream whose events the test delivers in any order. What the upstream
//! had seen at any moment is [`Exchange::forwarded`]: the observation that matters for authorization.
//!
//! The behaviour follows Envoy 1.40 as observed, and where that was not observed, the order of
//! operations of proxy-wasm-cpp-host and Envoy's HTTP filter manager. Not modelled: flow control,
//! gRPC, TCP filters, several plugins in one chain, HTTP codecs.

mod abi;
mod callouts;
mod exchange;
mod exports;
mod failure;
mod filter;
mod foreign;
mod forward;
mod gateway;
mod headers;
mod imports;
mod local_reply;
mod logs;
mod metrics;
mod module;
mod observed;
mod options;
mod properties;
mod shared;
mod state;
mod stream;
mod surroundings;
mod worker;

pub use abi::{LogLevel, Status};
pub use callouts::{Callout, CalloutId, CalloutReply, Delivery};
pub use exchange::Exchange;
pub use gateway::Gateway;
pub use headers::{HeaderMap, Pair, pairs};
pub use logs::LogLine;
pub use metrics::{Metric, MetricKind};
pub use module::{Import, Module};
pub use observed::{FuelUse, LocalReply, Observed, Sender, StreamEvent};
pub use options::{
    CalloutOwner, Clock, Entropy, FailurePolicy, ForeignFunction, LogSink, Options, Profile,
};
pub use shared::SharedStore;
