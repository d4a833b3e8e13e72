//! One value of the host's store: the agents that share it, in the order of use.
//!
//! There are as many values as the configuration says, whoever comes: an agent's is found by its hash. Where
//! there is no more room, whoever was not seen for longest gives way, and leaves its counts in `floor`, with
//! which an agent begins that is not there. What is not ours is seen as such and replaced (threats S6).

use super::agent::{Agent, MOST_BYTES as AGENT_BYTES};
use super::bytes::{Reader, put};
use super::tally::{Tally, WIDTHS_MS, WINDOWS};
use crate::model::Timestamp;

pub(super) struct Slot<'a> {
    /// Seconds: what was before is not known.
    since: u64,
    floor: Tally,
    agents: Vec<(u64, &'a [u8])>,
}

impl<'a> Slot<'a> {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { since: now.unix_seconds(), floor: Tally::default(), agents: Vec::new() }
    }

    /// Nothing, if the bytes are not what [`Slot::encode`] writes.
    pub(super) fn decode(bytes: &'a [u8], now: Timestamp) -> Option<Self> {
        let from = &mut Reader(bytes.strip_prefix(MAGIC)?);
        // A clock that was set back does not make more known.
        let since = from.number()?.min(now.unix_seconds());
        let mut floor = Tally::decode(from)?;
        floor.settle(now);
        let mut agents = Vec::new();
        while !from.0.is_empty() {
            let key = from.key()?;
            let length = from.count(MOST_BYTES)?;
            agents.push((key, from.take(length)?));
        }
        Some(Self { since, floor, agents })
    }

    /// Takes an agent out, as it is by now.
    pub(super) fn take(&mut self, key: u64, now: Timestamp) -> Option<Agent> {
        let at = self.agents.iter().position(|(known, _)| *known == key);
        let mut agent = match at {
            Some(at) => Agent::decode(self.agents.remove(at).1)?,
            None => Agent::unknown(&self.floor),
        };
        agent.settle(now);
        Some(agent)
    }

    /// Which windows it has seen all of.
    pub(super) fn known(&self, now: Timestamp) -> [bool; WINDOWS] {
        let seen = now.unix_seconds().saturating_sub(self.since);
        WIDTHS_MS.map(|width| seen >= width / 1000)
    }

    /// Puts an agent back, as the one that was seen last; what is to be kept.
    pub(super) fn encode(mut self, key: u64, agent: &mut Agent, now: Timestamp) -> Vec<u8> {
        let last = agent.encode(now);
        loop {
            let bytes = self.bytes((key, &last));
            if bytes.len() <= MOST_BYTES || self.agents.is_empty() {
                return bytes;
            }
            let (_, oldest) = self.agents.remove(0);
            // What can't be read is no agent of ours, and has nothing to leave.
            if let Some(mut oldest) = Agent::decode(oldest) {
                oldest.settle(now);
                self.floor.raise(&oldest.into_floor());
            }
        }
    }

    fn bytes(&self, last: (u64, &[u8])) -> Vec<u8> {
        let mut to = Vec::with_capacity(MOST_BYTES);
        to.extend_from_slice(MAGIC);
        put(&mut to, self.since);
        self.floor.encode(&mut to);
        for (key, agent) in self.agents.iter().copied().chain([last]) {
            to.extend_from_slice(&key.to_le_bytes());
            put(&mut to, u64::try_from(agent.len()).unwrap_or(u64::MAX));
            to.extend_from_slice(agent);
        }
        to
    }
}

/// The first bytes of every value; the digit is the version of the form.
pub(super) const MAGIC: &[u8] = b"deputy1c";
/// It is read and written whole with each use. Room for an agent of the largest size and for the floor.
pub(super) const MOST_BYTES: usize = 8 << 10;
const _: () = assert!(AGENT_BYTES <= MOST_BYTES / 2);
