//! The store that all workers share: the host's shared data.
//!
//! Some hosts only pretend to have one, so it is tested before anything is entrusted to it. Not
//! here: what is kept, and what it means (the engine's).

use deputy_engine::step::{Held, NeedRecall, NeedRemember, Step};

use crate::abi::{Level, Status, host};
use crate::root::{Fault, Root, While as _, now};

/// Reads what the engine wants to recall.
pub(crate) fn recall(root: &Root, need: NeedRecall) -> Result<Step, Fault> {
    let now = now()?;
    if !root.has_store() {
        return Ok(need.fault(now));
    }
    match read(&need.name()) {
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
                foreign(root, &need.name());
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

/// Tells all workers what this one knows, and learns what they know: the newest bundle, the newest list
/// of revocations, which tools have drifted, what security events struck. Without a store each worker knows only what it has seen itself.
pub(crate) fn join(root: &Root) {
    let names = root.step(|engine| engine.common()).unwrap_or_default();
    if names.is_empty() || !root.has_store() {
        return;
    }
    for name in names {
        if let Err(fault) = join_one(root, &name) {
            fault.log("tried again with the next tick");
        }
    }
}

fn join_one(root: &Root, name: &str) -> Result<(), Fault> {
    for _ in 0..MOST_TRIES {
        let held = read(name).while_("reading shared data")?;
        let value = held.as_ref().map(|held| held.value.as_slice());
        let joined = root.step(|engine| engine.join(name, value))?;
        let Some(value) = joined.write else { return Ok(()) };
        let cas = held.map_or(IF_ABSENT, |held| held.version);
        match host::set_shared(name, &value, cas) {
            Err(Status::CAS_MISMATCH) => root.count("deputy.state.lost"),
            written => {
                written.while_("writing shared data")?;
                if joined.foreign {
                    foreign(root, name);
                }
                // What the engine had to have kept is.
                return root.step(|engine| engine.join(name, Some(&value))).map(drop);
            }
        }
    }
    Err(Fault { doing: "writing shared data", status: Status::CAS_MISMATCH })
}

fn read(name: &str) -> Result<Option<Held>, Status> {
    match host::shared(name) {
        // A write with this number would be unconditional.
        Ok((_, 0)) => Err(Status::INTERNAL_FAILURE),
        Ok((value, version)) => Ok(Some(Held { value, version })),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

/// Somebody else writes where we do, or what we wrote was damaged: what it said is lost.
fn foreign(root: &Root, name: &str) {
    root.count("deputy.state.foreign");
    let line = format!("deputy: shared data {name}: was not Deputy's; replaced");
    host::log(Level::Error, &line);
}

/// Whether the host keeps what is written, and refuses a write over what it has meanwhile become.
/// All workers do this at about the same time, with the same name.
pub(crate) fn works() -> bool {
    let works = (0..MOST_TRIES).find_map(|_| probe());
    if works != Some(true) {
        let line = "deputy: the host has no shared data with compare-and-swap; \
            requests that need it are refused (state_unavailable), and each worker knows only the \
            bundles, revocations, drifted tools and security events that it has seen itself, and \
            acknowledges no event that strikes somebody";
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
