//! What a trap does: the VM is dead, every stream in it gets 503, and the failure policy decides
//! about the streams that come later.

use std::sync::Arc;

use super::abi::LogLevel;
use super::observed::LocalReply;
use super::options::FailurePolicy;
use super::state::HostState;
use super::worker::{Worker, instantiate};

/// Why and when a VM died.
#[derive(Debug, Clone)]
pub(super) struct Death {
    pub(super) reason: String,
    pub(super) at: u64,
}

/// What a new stream meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reception {
    Plugin,
    SkipPlugin,
    Refuse,
}

impl Worker {
    pub(super) fn die(&mut self, reason: &str) {
        self.note(LogLevel::Critical, &format!("the VM died in {reason}"));
        let state = self.state();
        let (at, number) = (state.surroundings.now(), state.worker);
        state.surroundings.cancel(number, None);
        self.death = Some(Death { reason: reason.to_owned(), at });
        let in_flight =
            self.state().streams.iter().filter(|(_, stream)| stream.in_vm && !stream.finished);
        let in_flight: Vec<u32> = in_flight.map(|(context, _)| *context).collect();
        for context in in_flight {
            self.send_local_reply(context, fail_stream());
        }
    }

    pub(super) fn receive(&mut self) -> Reception {
        let policy = self.state().options.failure;
        if let (Some(death), FailurePolicy::Reload { backoff }) = (self.death.clone(), policy)
            && self.state().surroundings.now() >= death.at.saturating_add(backoff.as_nanos() as u64)
        {
            // A failed reload leaves the worker dead and starts another back-off.
            let _ = self.rebuild();
        }
        match (&self.death, policy) {
            (None, _) => Reception::Plugin,
            (Some(_), FailurePolicy::Open) => Reception::SkipPlugin,
            (Some(_), FailurePolicy::Closed | FailurePolicy::Reload { .. }) => Reception::Refuse,
        }
    }

    /// A new VM in place of the dead one. Records of past streams are kept for the test to read.
    pub(super) fn rebuild(&mut self) -> anyhow::Result<()> {
        let old = self.state();
        let mut state =
            HostState::new(Arc::clone(&old.options), old.surroundings.clone(), old.worker);
        state.streams = std::mem::take(&mut old.streams);
        state.last_context = old.last_context;
        let module = self.module.clone();
        (self.store, self.exports) = instantiate(&module, state)?;
        self.death = None;
        let booted = self.boot();
        if let Err(error) = &booted {
            let at = self.state().surroundings.now();
            self.note(LogLevel::Critical, &format!("the VM was not reloaded: {error}"));
            self.death = Some(Death { reason: error.to_string(), at });
        }
        booted
    }
}

pub(super) fn fail_stream() -> LocalReply {
    LocalReply::host(503, "", "wasm_fail_stream")
}
