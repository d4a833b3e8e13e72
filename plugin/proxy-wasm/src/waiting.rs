//! Who waits for which call: equal calls are made once, however many wait.
//!
//! A plain table: nothing here talks to a host or to the engine.

use std::collections::BTreeMap;

/// Calls under way, by what they are for.
#[derive(Debug)]
pub(crate) struct Waiting<K> {
    calls: BTreeMap<K, Call>,
}

#[derive(Debug)]
struct Call {
    token: u32,
    room: Room,
    /// Unix milliseconds after which the host is taken to have lost it.
    lost_after: u64,
    streams: Vec<u32>,
}

/// What came of asking to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// A call is under way; its reply will be shared.
    Waits,
    /// No such call is under way.
    NoCall,
    /// As many wait as may.
    Full,
}

/// How much of the table calls of that kind may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    All,
    /// Half of it: there are as many such calls as callers like.
    Shared,
    /// What is beside it: one for each agent that has not acted lately, so after a start they are many.
    Lookups,
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { calls: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Waiting<K> {
    /// Waits for a call that is under way.
    pub(crate) fn join(&mut self, key: &K, stream: u32, room: Room) -> Joined {
        let full = self.is_full(room);
        match self.calls.get_mut(key) {
            Some(call) if call.streams.len() >= MAX_WAITING => Joined::Full,
            Some(call) => {
                call.streams.push(stream);
                Joined::Waits
            }
            None if full => Joined::Full,
            None => Joined::NoCall,
        }
    }

    /// Whether a call may be started for this.
    pub(crate) fn is_open_to(&self, key: &K, room: Room) -> bool {
        !self.calls.contains_key(key) && !self.is_full(room)
    }

    fn is_full(&self, room: Room) -> bool {
        let most = match room {
            Room::All => MAX_CALLS,
            Room::Shared => MAX_CALLS / 2,
            Room::Lookups => MAX_LOOKUPS,
        };
        let beside = |room| room == Room::Lookups;
        let same = |call: &&Call| beside(call.room) == beside(room);
        self.calls.values().filter(same).count() >= most
    }

    /// A call was started.
    pub(crate) fn started(
        &mut self,
        (key, room): (K, Room),
        token: u32,
        lost_after: u64,
        stream: Option<u32>,
    ) {
        let streams = stream.into_iter().collect();
        self.calls.insert(key, Call { token, room, lost_after, streams });
    }

    /// The call of that token is over: what it was for, and who waited.
    pub(crate) fn ended(&mut self, token: u32) -> Option<(K, Vec<u32>)> {
        let (key, _) = self.calls.iter().find(|(_, call)| call.token == token)?;
        let key = key.clone();
        self.take(key)
    }

    /// A call whose reply should have come before `now`.
    pub(crate) fn lost(&mut self, now: u64) -> Option<(K, Vec<u32>)> {
        let (key, _) = self.calls.iter().find(|(_, call)| call.lost_after < now)?;
        let key = key.clone();
        self.take(key)
    }

    fn take(&mut self, key: K) -> Option<(K, Vec<u32>)> {
        let call = self.calls.remove(&key)?;
        Some((key, call.streams))
    }
}

/// One for each issuer that is configured, more issuers than this take turns; and as many for approvals.
const MAX_CALLS: usize = 64;

/// Of two seconds at most each. Envoy's own default for a cluster is 1024 for all workers
/// (`circuit_breakers.thresholds.max_requests`).
const MAX_LOOKUPS: usize = 128;

/// All of them are verified in the one callback that brings the keys, about a millisecond each, and
/// the worker serves nobody else meanwhile.
const MAX_WAITING: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_who_want_the_same_wait_for_one_call() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.join(&"idp", 1, Room::All), Joined::NoCall);
        waiting.started(("idp", Room::All), 7, 1000, Some(1));
        for stream in 2..=100 {
            assert_eq!(waiting.join(&"idp", stream, Room::All), Joined::Waits);
        }
        assert_eq!(waiting.join(&"other", 101, Room::All), Joined::NoCall);
        assert_eq!(waiting.ended(8), None);
        let (key, streams) = waiting.ended(7).unwrap();
        assert_eq!((key, streams.len()), ("idp", 100));
        assert_eq!(waiting.ended(7), None);
    }

    #[test]
    fn a_call_whose_reply_never_comes_is_given_up() {
        let mut waiting = Waiting::default();
        waiting.started(("idp", Room::All), 7, 1000, Some(1));
        waiting.started(("other", Room::All), 8, 2000, None);
        assert_eq!(waiting.lost(1000), None);
        assert_eq!(waiting.lost(1001), Some(("idp", vec![1])));
        assert_eq!(waiting.lost(1001), None);
        assert_eq!(waiting.ended(7), None);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut waiting = Waiting::default();
        waiting.started((0, Room::All), 0, 0, None);
        for stream in 0..512 {
            assert_eq!(waiting.join(&0, stream, Room::All), Joined::Waits);
        }
        assert_eq!(waiting.join(&0, 5000, Room::All), Joined::Full);
        for key in 1..64 {
            let shared = if key < 32 { Joined::NoCall } else { Joined::Full };
            assert_eq!(waiting.join(&key, 1, Room::Shared), shared);
            assert_eq!(waiting.join(&key, 1, Room::All), Joined::NoCall);
            assert!(waiting.is_open_to(&key, Room::All));
            waiting.started((key, Room::All), key, 0, None);
        }
        assert_eq!(waiting.join(&64, 1, Room::All), Joined::Full);
        assert!(!waiting.is_open_to(&64, Room::All));
    }

    #[test]
    fn lookups_take_the_place_of_nothing_else_and_are_bounded() {
        let mut waiting = Waiting::default();
        for key in 0..128 {
            assert_eq!(waiting.join(&key, 1, Room::Lookups), Joined::NoCall);
            waiting.started((key, Room::Lookups), key, 0, Some(1));
        }
        assert_eq!(waiting.join(&128, 1, Room::Lookups), Joined::Full);
        assert!(!waiting.is_open_to(&128, Room::Lookups));
        assert_eq!(waiting.join(&7, 2, Room::Lookups), Joined::Waits);
        for key in 200..264 {
            assert_eq!(waiting.join(&key, 1, Room::All), Joined::NoCall);
            waiting.started((key, Room::All), key, 0, Some(1));
        }
        assert_eq!(waiting.join(&264, 1, Room::All), Joined::Full);
    }
}
