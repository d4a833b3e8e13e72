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
    /// Unix milliseconds after which the host is taken to have lost it.
    lost_after: u64,
    streams: Vec<u32>,
}

/// What a call can be for.
pub(crate) trait Purpose {
    /// How much of the table such calls may take.
    fn room(&self) -> Room;
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

/// How much of the table calls of one kind may take.
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

impl<K: Ord + Clone + Purpose> Waiting<K> {
    /// Waits for a call that is under way.
    pub(crate) fn join(&mut self, key: &K, stream: u32) -> Joined {
        let full = self.is_full_for(key);
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
    pub(crate) fn is_open_to(&self, key: &K) -> bool {
        !self.calls.contains_key(key) && !self.is_full_for(key)
    }

    /// Whether a call may be started for this that nobody waits for: lookups leave half of their room to requests.
    pub(crate) fn is_open_in_background_to(&self, key: &K) -> bool {
        let leaves_room = key.room() != Room::Lookups || self.beside() < MAX_LOOKUPS / 2;
        leaves_room && self.is_open_to(key)
    }

    fn beside(&self) -> usize {
        self.calls.keys().filter(|key| key.room() == Room::Lookups).count()
    }

    fn is_full_for(&self, key: &K) -> bool {
        let most = match key.room() {
            Room::All => MAX_CALLS,
            Room::Shared => MAX_CALLS / 2,
            Room::Lookups => MAX_LOOKUPS,
        };
        let beside = |key: &K| key.room() == Room::Lookups;
        let same = |other: &&K| beside(other) == beside(key);
        self.calls.keys().filter(same).count() >= most
    }

    /// A call was started.
    pub(crate) fn started(&mut self, key: K, token: u32, lost_after: u64, stream: Option<u32>) {
        let streams = stream.into_iter().collect();
        self.calls.insert(key, Call { token, lost_after, streams });
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

    type Key = (&'static str, u32);

    impl Purpose for Key {
        fn room(&self) -> Room {
            match self.0 {
                "shared" => Room::Shared,
                "agent" => Room::Lookups,
                _ => Room::All,
            }
        }
    }

    #[test]
    fn a_hundred_who_want_the_same_wait_for_one_call() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.join(&("idp", 0), 1), Joined::NoCall);
        waiting.started(("idp", 0), 7, 1000, Some(1));
        for stream in 2..=100 {
            assert_eq!(waiting.join(&("idp", 0), stream), Joined::Waits);
        }
        assert_eq!(waiting.join(&("other", 0), 101), Joined::NoCall);
        assert_eq!(waiting.ended(8), None);
        let (key, streams) = waiting.ended(7).unwrap();
        assert_eq!((key, streams.len()), (("idp", 0), 100));
        assert_eq!(waiting.ended(7), None);
    }

    #[test]
    fn a_call_whose_reply_never_comes_is_given_up() {
        let mut waiting = Waiting::default();
        waiting.started(("idp", 0), 7, 1000, Some(1));
        waiting.started(("other", 0), 8, 2000, None);
        assert_eq!(waiting.lost(1000), None);
        assert_eq!(waiting.lost(1001), Some((("idp", 0), vec![1])));
        assert_eq!(waiting.lost(1001), None);
        assert_eq!(waiting.ended(7), None);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut waiting = Waiting::default();
        waiting.started(("idp", 0), 0, 0, None);
        for stream in 0..512 {
            assert_eq!(waiting.join(&("idp", 0), stream), Joined::Waits);
        }
        assert_eq!(waiting.join(&("idp", 0), 5000), Joined::Full);
        for number in 1..64 {
            let shared = if number < 32 { Joined::NoCall } else { Joined::Full };
            assert_eq!(waiting.join(&("shared", number), 1), shared);
            assert_eq!(waiting.join(&("idp", number), 1), Joined::NoCall);
            assert!(waiting.is_open_to(&("idp", number)));
            waiting.started(("idp", number), number, 0, None);
        }
        assert_eq!(waiting.join(&("idp", 64), 1), Joined::Full);
        assert!(!waiting.is_open_to(&("idp", 64)));
    }

    #[test]
    fn lookups_take_the_place_of_nothing_else_and_are_bounded() {
        let mut waiting = Waiting::default();
        for number in 0..128 {
            assert_eq!(waiting.join(&("agent", number), 1), Joined::NoCall);
            waiting.started(("agent", number), number, 0, Some(1));
        }
        assert_eq!(waiting.join(&("agent", 128), 1), Joined::Full);
        assert!(!waiting.is_open_to(&("agent", 128)));
        assert_eq!(waiting.join(&("agent", 7), 2), Joined::Waits);
        for number in 0..64 {
            assert_eq!(waiting.join(&("idp", number), 1), Joined::NoCall);
            waiting.started(("idp", number), 200 + number, 0, Some(1));
        }
        assert_eq!(waiting.join(&("idp", 64), 1), Joined::Full);
    }
}
