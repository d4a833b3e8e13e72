//! What is remembered of one agent: all of it, and apart for those it acts for, the sessions and the tools it uses
//! most lately; which resources and which calls it made last.
//!
//! Every list is in the order of use and bounded. What no longer has a place of its own leaves its counts in
//! `floor`, with which whatever comes anew begins: too much, and never too little.

use super::bytes::{Reader, put};
use super::tally::{Charged, Counter, Sums, Tally, WIDTHS_MS, WINDOWS};
use super::{Charges, Counted, Event};
use crate::model::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) tally: Tally,
    /// No less than what any one delegator or tool has counted that is no longer remembered.
    pub(super) floor: Tally,
    /// When somebody was last told that it is contained; seconds.
    signalled: u64,
    /// The same of sessions. They come and go: with one floor, a tool would begin with what a session did.
    session_floor: Tally,
    delegators: Vec<Entry>,
    sessions: Vec<Entry>,
    tools: Vec<Entry>,
    resources: Vec<Trace>,
    calls: Vec<Trace>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    key: u64,
    /// Seconds.
    last: u64,
    tally: Tally,
    /// Of a tool: it was let use it.
    passed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trace {
    key: u64,
    /// Seconds.
    last: u64,
    times: u64,
}

impl Agent {
    /// One of which nothing is known but that it has not done more than that.
    pub(super) fn unknown(floor: &Tally) -> Self {
        Self {
            tally: floor.clone(),
            floor: floor.clone(),
            session_floor: floor.clone(),
            ..Self::default()
        }
    }

    /// Lets time pass.
    pub(super) fn settle(&mut self, now: Timestamp) {
        self.tally.settle(now);
        self.floor.settle(now);
        self.session_floor.settle(now);
        let seconds = now.unix_seconds();
        let entries = self.delegators.iter_mut().chain(&mut self.sessions);
        for entry in entries.chain(&mut self.tools) {
            entry.tally.settle(now);
            entry.last = entry.last.min(seconds);
        }
        for trace in self.resources.iter_mut().chain(&mut self.calls) {
            trace.last = trace.last.min(seconds);
        }
    }

    /// Counts a request, and says what there is with it.
    pub(super) fn count(&mut self, event: &Event, now: Timestamp) -> Counted {
        let seconds = now.unix_seconds();
        event.charge(&mut self.tally);
        let delegator = event.delegator.map(|key| {
            let of = (&mut self.delegators, MOST_DELEGATORS, &mut self.floor);
            event.charged(&mut last_used(of, key, seconds).tally)
        });
        let session = event.session.map(|key| {
            let of = (&mut self.sessions, MOST_SESSIONS, &mut self.session_floor);
            event.charged(&mut last_used(of, key, seconds).tally)
        });
        let tool = self.tool(event.tool, seconds);
        let (new_tool, tool) = (!tool.passed, event.charged(&mut tool.tally));
        if let Some(lost) = touch(&mut self.resources, event.resource, seconds, MOST_RESOURCES) {
            let age = seconds.saturating_sub(lost.last);
            self.tally.add_within(Counter::Resources, 1, age);
        }
        let sums = self.tally.sums();
        Counted {
            tools: distinct(&sums, Counter::Tools, self.tools.iter().map(|e| e.last), seconds),
            resources: distinct(
                &sums,
                Counter::Resources,
                self.resources.iter().map(|t| t.last),
                seconds,
            ),
            repeated: self.repeated(event, seconds),
            new_tool,
            charges: Charges {
                agent: self.tally.charged(),
                delegator: delegator.map(|(_, charged)| charged),
                session: session.map(|(_, charged)| charged),
                tool: tool.1,
            },
            agent: sums,
            delegation: delegator.map(|(sums, _)| sums),
            session: session.map(|(sums, _)| sums),
            tool: tool.0,
            known: [false; WINDOWS],
        }
    }

    /// Counts how a request has ended that was refused.
    pub(super) fn refused(&mut self, event: &Event, charges: Option<Charges>, denied: bool) {
        let tallies = [
            (Some(&mut self.tally), charges.map(|c| c.agent)),
            (of(&mut self.delegators, event.delegator), charges.and_then(|c| c.delegator)),
            (of(&mut self.sessions, event.session), charges.and_then(|c| c.session)),
            (of(&mut self.tools, Some(event.tool)), charges.map(|c| c.tool)),
        ];
        for (tally, charged) in tallies {
            let Some(tally) = tally else { continue };
            if denied {
                tally.add(Counter::Denials, 1);
            }
            if let Some(charged) = charged {
                tally.take_back(Counter::Spend, event.spend, charged);
            }
        }
        let call = self.calls.iter_mut().find(|trace| trace.key == event.call);
        if let Some(call) = call.filter(|_| charges.is_some() && !denied) {
            call.times = call.times.saturating_sub(1);
        }
    }

    /// Remembers that it was let use this tool.
    pub(super) fn passed(&mut self, event: &Event) {
        if let Some(tool) = self.tools.iter_mut().find(|entry| entry.key == event.tool) {
            tool.passed = true;
        }
    }

    /// Whether nobody has been told for so long.
    pub(super) fn signal(&mut self, quiet_seconds: u64, now: Timestamp) -> bool {
        let seconds = now.unix_seconds();
        let quiet = seconds.checked_sub(self.signalled).is_none_or(|age| age >= quiet_seconds);
        if quiet {
            self.signalled = seconds;
        }
        quiet
    }

    fn repeated(&mut self, event: &Event, seconds: u64) -> u64 {
        let before = self.calls.iter().find(|trace| trace.key == event.call).copied();
        touch(&mut self.calls, event.call, seconds, MOST_CALLS);
        let Some(call) = self.calls.last_mut() else { return 1 };
        let goes_on = |before: &Trace| seconds.saturating_sub(before.last) <= event.repeats_within;
        if !before.as_ref().is_some_and(goes_on) {
            call.times = 1;
        }
        call.times
    }

    fn tool(&mut self, key: u64, seconds: u64) -> &mut Entry {
        if !self.tools.iter().any(|entry| entry.key == key) && self.tools.len() >= MOST_TOOLS {
            self.forget_tool(seconds);
        }
        last_used((&mut self.tools, MOST_TOOLS, &mut self.floor), key, seconds)
    }

    fn forget_tool(&mut self, seconds: u64) {
        if !self.tools.is_empty() {
            let tool = self.tools.remove(0);
            self.floor.raise(&tool.tally);
            self.tally.add_within(Counter::Tools, 1, seconds.saturating_sub(tool.last));
        }
    }

    /// What another agent has to begin with, once this one is no longer remembered.
    pub(super) fn into_floor(mut self) -> Tally {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.tally.add(Counter::Tools, count(self.tools.len()));
        self.tally.add(Counter::Resources, count(self.resources.len()));
        self.tally
    }

    /// In at most [`MOST_BYTES`].
    pub(super) fn encode(&mut self, now: Timestamp) -> Vec<u8> {
        loop {
            let bytes = self.bytes();
            let most = self.delegators.len().max(self.sessions.len());
            if bytes.len() <= MOST_BYTES || self.tools.len().max(most) <= 1 {
                return bytes;
            }
            match self.tools.len() > most {
                true => self.forget_tool(now.unix_seconds()),
                false if self.delegators.len() == most => {
                    forget(&mut self.delegators, &mut self.floor)
                }
                false => forget(&mut self.sessions, &mut self.session_floor),
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(512);
        self.tally.encode(&mut to);
        self.floor.encode(&mut to);
        self.session_floor.encode(&mut to);
        put(&mut to, self.signalled);
        for entries in [&self.delegators, &self.sessions, &self.tools] {
            put_count(&mut to, entries.len());
            for Entry { key, last, tally, passed } in entries {
                to.extend_from_slice(&key.to_le_bytes());
                put(&mut to, *last);
                put(&mut to, u64::from(*passed));
                tally.encode(&mut to);
            }
        }
        for traces in [&self.resources, &self.calls] {
            put_count(&mut to, traces.len());
            for Trace { key, last, times } in traces {
                to.extend_from_slice(&key.to_le_bytes());
                put(&mut to, *last);
                put(&mut to, *times);
            }
        }
        to
    }

    /// Nothing, if the bytes are not what [`Agent::encode`] writes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let from = &mut Reader(bytes);
        let agent = Self {
            tally: Tally::decode(from)?,
            floor: Tally::decode(from)?,
            session_floor: Tally::decode(from)?,
            signalled: from.number()?,
            delegators: entries(from, MOST_DELEGATORS)?,
            sessions: entries(from, MOST_SESSIONS)?,
            tools: entries(from, MOST_TOOLS)?,
            resources: traces(from, MOST_RESOURCES)?,
            calls: traces(from, MOST_CALLS)?,
        };
        from.0.is_empty().then_some(agent)
    }
}

impl Event {
    fn charge(&self, tally: &mut Tally) {
        tally.add(Counter::Calls, 1);
        tally.add(Counter::Bytes, self.bytes);
        tally.add(Counter::Spend, self.spend);
    }

    fn charged(&self, tally: &mut Tally) -> (Sums, Charged) {
        self.charge(tally);
        (tally.sums(), tally.charged())
    }
}

/// How many there were in each window: those that are remembered, and those that are not.
fn distinct(
    sums: &Sums,
    lost: Counter,
    last: impl Iterator<Item = u64> + Clone,
    seconds: u64,
) -> [u64; WINDOWS] {
    let mut all = [0_u64; WINDOWS];
    for ((all, sums), width) in all.iter_mut().zip(sums).zip(WIDTHS_MS) {
        let recent = last.clone().filter(|last| seconds.saturating_sub(*last) <= width / 1000);
        let recent = u64::try_from(recent.count()).unwrap_or(u64::MAX);
        *all = sums.get(lost.place()).copied().unwrap_or(u64::MAX).saturating_add(recent);
    }
    all
}

fn of(entries: &mut [Entry], key: Option<u64>) -> Option<&mut Tally> {
    entries.iter_mut().find(|entry| Some(entry.key) == key).map(|entry| &mut entry.tally)
}

/// The entry of that key, now the last one. Where there is no room for it, the first gives way.
fn last_used<'e>(
    (entries, most, floor): (&'e mut Vec<Entry>, usize, &mut Tally),
    key: u64,
    seconds: u64,
) -> &'e mut Entry {
    let known = entries.iter().position(|entry| entry.key == key);
    if known.is_none() && entries.len() >= most {
        forget(entries, floor);
    }
    let entry = match known {
        Some(at) => entries.remove(at),
        None => Entry { key, last: 0, tally: floor.clone(), passed: false },
    };
    entries.push_mut(Entry { last: seconds, ..entry })
}

fn forget(entries: &mut Vec<Entry>, floor: &mut Tally) {
    if !entries.is_empty() {
        floor.raise(&entries.remove(0).tally);
    }
}

/// Makes it the last one, once more; what gave way to it.
fn touch(traces: &mut Vec<Trace>, key: u64, seconds: u64, most: usize) -> Option<Trace> {
    let known = traces.iter().position(|trace| trace.key == key);
    let times = known.map_or(0, |at| traces.remove(at).times);
    let lost = (traces.len() >= most).then(|| traces.remove(0));
    traces.push(Trace { key, last: seconds, times: times.saturating_add(1) });
    lost
}

fn entries(from: &mut Reader<'_>, most: usize) -> Option<Vec<Entry>> {
    let count = from.count(most)?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let (key, last) = (from.key()?, from.number()?);
        let passed = from.count(1)? == 1;
        entries.push(Entry { key, last, passed, tally: Tally::decode(from)? });
    }
    Some(entries)
}

fn traces(from: &mut Reader<'_>, most: usize) -> Option<Vec<Trace>> {
    let count = from.count(most)?;
    let mut traces = Vec::with_capacity(count);
    for _ in 0..count {
        traces.push(Trace { key: from.key()?, last: from.number()?, times: from.number()? });
    }
    Some(traces)
}

fn put_count(to: &mut Vec<u8>, count: usize) {
    put(to, u64::try_from(count).unwrap_or(u64::MAX));
}

/// Of one agent at a time, with counts of their own.
const MOST_DELEGATORS: usize = 8;
/// More than delegators, as they come and go.
const MOST_SESSIONS: usize = 16;
const MOST_TOOLS: usize = 32;
/// Told apart; more of them are counted too often if they come again.
const MOST_RESOURCES: usize = 32;
/// A loop of more different calls is seen by how many there are of them.
pub(super) const MOST_CALLS: usize = 16;
/// Half of what is kept under one name.
pub(super) const MOST_BYTES: usize = 4 << 10;
