//! The store that all workers share: the host's shared data.
//!
//! Some hosts only pretend to have one, so it is tested before anything is entrusted to it. Not
//! here: what is kept, and what it means (the engine's).

use deputy_engine::step::{Held, NeedRecall, NeedRemember, Step};

use crate::abi::{Level, Status, host};
use crate::root::{Fault, Root, now};

/// Reads what the engine wants to recall.
pub(crate) fn recall(root: &Root, need: NeedRecall) -> Result<Step, Fault> {
    let now = now()?;
    if !root.has_store() {
        return Ok(need.fault(now));
    }
    let held = match host::shared(&need.name()) {
        // A write with this number would be unconditional.
        Ok((_, 0)) => Err(Status::INTERNAL_FAILURE),
        Ok((value, version)) => Ok(Some(Held { value, version })),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    };
    match held {
        Ok(held) => root.step(|engine| need.provide(engine, held, now)),
        Err(status) => {
            failed("reading shared data", status);
            Ok(need.fault(now))
        }
    }
}

/// Writes what the engine wants remembered, unless somebody else wrote there meanwhile.
pub(crate) fn remember(root: &Root, need: NeedRemember) -> Result<Step, Fault> {
    let now = now()?;
    let cas = need.version().unwrap_or(IF_ABSENT);
    match host::set_shared(&need.name(), need.value(), cas) {
        Ok(()) => {
            if need.replaces_foreign() {
                root.count("deputy.state.foreign");
                let name = need.name();
                let line = format!("deputy: shared data {name}: was not Deputy's; replaced");
                host::log(Level::Error, &line);
            }
            root.step(|engine| need.stored(engine, now))
        }
        Err(Status::CAS_MISMATCH) => {
            root.count("deputy.state.lost");
            Ok(need.lost(now))
        }
        Err(status) => {
            failed("writing shared data", status);
            Ok(need.fault(now))
        }
    }
}

/// Whether the host keeps what is written, and refuses a write over what it has meanwhile become.
/// All workers do this at about the same time, with the same name.
pub(crate) fn works() -> bool {
    let works = (0..MOST_TRIES).find_map(|_| probe());
    if works != Some(true) {
        let line = "deputy: the host has no shared data with compare-and-swap; \
            requests that need it are refused (state_unavailable)";
        host::log(Level::Error, line);
    }
    works.unwrap_or(false)
}

/// Nothing, if another worker was in between.
fn probe() -> Option<bool> {
    let known = match host::shared(PROBE) {
        Ok((_, 0)) => return Some(false),
        Ok((_, cas)) => cas,
        Err(Status::NOT_FOUND) => IF_ABSENT,
        Err(_) => return Some(false),
    };
    match host::set_shared(PROBE, PROBE.as_bytes(), known) {
        Ok(()) => {}
        Err(Status::CAS_MISMATCH) => return None,
        Err(_) => return Some(false),
    }
    let Ok((value, cas)) = host::shared(PROBE) else { return Some(false) };
    // A number that no write had yet, and not zero.
    let wrong = cas ^ HIGH_BIT;
    let refused = host::set_shared(PROBE, PROBE.as_bytes(), wrong) == Err(Status::CAS_MISMATCH);
    Some(value == PROBE.as_bytes() && refused && wrong != 0)
}

fn failed(doing: &'static str, status: Status) {
    Fault { doing, status }.log("refused");
}

/// A CAS number that no value has: a write with it succeeds only where there is no value yet.
const IF_ABSENT: u32 = u32::MAX;
const HIGH_BIT: u32 = 1 << 31;
const PROBE: &str = "deputy/probe";
/// Workers that start at once.
const MOST_TRIES: u8 = 64;
