//! Counters and windows of what agents do, as pure functions of what was recalled and the time.
//!
//! One question is asked for each request whose policies look at behaviour: it counts the request and says
//! what there is with it, so that of any number at once each sees another count (threats S1). A refusal is
//! counted when it is one. Of an agent that is not proven nothing is ever counted (S2, S11). What the counts
//! mean and how wrong they can be is in docs/behavior.md. Not here: what follows from them (`policy`), where
//! they are kept (`recall`, and the host).

mod agent;
mod bytes;
mod slot;
mod tally;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use agent::Agent;
use slot::Slot;
use tally::{Counter, Sums, WINDOWS};

pub(crate) use tally::Charged;

use crate::model::{Actor, PrincipalId, Timestamp};

/// What a configuration says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How many values are kept.
    pub(crate) slots: u16,
    /// A call is a repetition if it comes so soon after the one before it.
    pub(crate) repeats_within_seconds: u64,
    /// How long nobody is told again that an agent is contained.
    pub(crate) quiet_seconds: u64,
}

/// A request, as it is counted: whose it is and what about, by hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    slot: u16,
    agent: u64,
    delegator: Option<u64>,
    session: Option<u64>,
    tool: u64,
    resource: u64,
    call: u64,
    bytes: u64,
    spend: u64,
    repeats_within: u64,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// By which calls of one action on one resource are told apart.
    pub(crate) arguments: &'a str,
    /// The MCP session it comes in, and of which server.
    pub(crate) session: Option<(&'a str, &'a str)>,
    pub(crate) bytes: u64,
    pub(crate) spend: u64,
}

/// What is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// A request that somebody decides about next.
    Asked(Event),
    /// It is refused.
    Refused(Event, Refused),
    /// It is let, and its agent was not known to have used that tool.
    Passed(Event),
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Where it was counted, if it was.
    pub(crate) charges: Option<Charges>,
    /// It is a denial, and no question to a human.
    pub(crate) denied: bool,
    /// Somebody wants to know, but not again for so many seconds.
    pub(crate) signal: Option<u64>,
}

/// The cells in which a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charges {
    agent: Charged,
    delegator: Option<Charged>,
    session: Option<Charged>,
    tool: Charged,
}

/// What there is, with the request itself.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct Counted {
    agent: Sums,
    delegation: Option<Sums>,
    session: Option<Sums>,
    tool: Sums,
    /// Distinct ones, by window.
    pub(crate) tools: [u64; WINDOWS],
    pub(crate) resources: [u64; WINDOWS],
    /// How often this very call was made, one soon after the other.
    pub(crate) repeated: u64,
    /// It is not known that the agent has used this tool before, and was let.
    pub(crate) new_tool: bool,
    /// Whether all of the window was watched.
    pub(crate) known: [bool; WINDOWS],
    pub(crate) charges: Charges,
}

/// Sums of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) calls: u64,
    pub(crate) denials: u64,
    pub(crate) bytes: u64,
    pub(crate) spend: u64,
}

/// What a count has come to.
#[derive(Debug)]
pub(crate) struct Noted {
    /// Of a request that is decided next.
    pub(crate) counted: Option<Counted>,
    /// Somebody is to be told.
    pub(crate) signal: bool,
    /// Instead of what was there.
    pub(crate) keep: Vec<u8>,
    /// What was there was not ours.
    pub(crate) foreign: bool,
}

impl Event {
    pub(crate) fn new(actor: &Actor, about: About<'_>, rules: Rules) -> Self {
        let agent = key(&[actor.agent.as_str()]);
        let slots = u64::from(rules.slots.max(1));
        let delegator = actor.delegation.as_ref().map(|delegation| &delegation.delegator);
        Self {
            slot: u16::try_from(agent.checked_rem(slots).unwrap_or_default()).unwrap_or_default(),
            agent,
            delegator: delegator.map(|delegator: &PrincipalId| key(&[delegator.as_str()])),
            session: about.session.map(|(session, server)| key(&[session, server])),
            tool: key(&[about.action]),
            resource: key(&[about.resource]),
            call: key(&[about.action, about.resource, about.arguments]),
            bytes: about.bytes,
            spend: about.spend,
            repeats_within: rules.repeats_within_seconds,
        }
    }
}

impl Count {
    /// The name under which a host keeps it: of this form, as modules of two versions may run for a while.
    pub(crate) fn name(&self) -> String {
        let (Self::Asked(event) | Self::Refused(event, _) | Self::Passed(event)) = self;
        format!("deputy/behavior/1c/{:04x}", event.slot)
    }

    /// Counts, from what the host has under that name.
    pub(crate) fn note(&self, held: Option<&[u8]>, now: Timestamp) -> Noted {
        let (Self::Asked(event) | Self::Refused(event, _) | Self::Passed(event)) = self;
        let read = |bytes| {
            let mut slot = Slot::decode(bytes, now)?;
            let agent = slot.take(event.agent, now)?;
            Some((slot, agent))
        };
        let known = held.and_then(read);
        let foreign = held.is_some() && known.is_none();
        let (slot, mut agent) = known.unwrap_or_else(|| (Slot::new(now), Agent::default()));
        agent.settle(now);
        let (mut counted, mut signal) = (None, false);
        match self {
            Self::Asked(event) => {
                counted = Some(Counted { known: slot.known(now), ..agent.count(event, now) });
            }
            Self::Passed(event) => agent.passed(event),
            Self::Refused(event, Refused { charges, denied, signal: quiet }) => {
                agent.refused(event, *charges, *denied);
                signal = quiet.is_some_and(|seconds| agent.signal(seconds, now));
            }
        }
        let keep = slot.encode(event.agent, &mut agent, now);
        Noted { counted, signal, keep, foreign }
    }
}

impl Counted {
    pub(crate) fn agent(&self) -> [Window; WINDOWS] {
        windows(&self.agent)
    }

    pub(crate) fn delegation(&self) -> Option<[Window; WINDOWS]> {
        self.delegation.as_ref().map(windows)
    }

    pub(crate) fn session(&self) -> Option<[Window; WINDOWS]> {
        self.session.as_ref().map(windows)
    }

    pub(crate) fn tool(&self) -> [Window; WINDOWS] {
        windows(&self.tool)
    }
}

fn windows(sums: &Sums) -> [Window; WINDOWS] {
    sums.map(|sums| {
        let of = |counter: Counter| sums.get(counter.place()).copied().unwrap_or(u64::MAX);
        Window {
            calls: of(Counter::Calls),
            denials: of(Counter::Denials),
            bytes: of(Counter::Bytes),
            spend: of(Counter::Spend),
        }
    })
}

/// From 0, the hour that begins on Monday at midnight, UTC, to 167.
pub(crate) fn hour_of_week(now: Timestamp) -> u64 {
    let hours = now.unix_seconds() / 3600;
    // 1970 began on a Thursday.
    hours.saturating_add(3 * 24) % (7 * 24)
}

/// Nothing secret and nobody's proof: whoever finds two resources of one hash has them counted as one.
fn key(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
