//! How many approvals one agent may ask for at a time: an agent that was talked into it must not bury its
//! approvers (threats V11, APP-27), nor everybody else's requests at the service.
//!
//! Of one engine: the service has a bound of its own for all of them.

use std::collections::BTreeMap;

use crate::model::{PrincipalId, Timestamp};

/// What was asked for lately, by agent. Agents are those of the registry, so there are as many.
#[derive(Debug, Default)]
pub(crate) struct Openings(BTreeMap<PrincipalId, Vec<(String, Timestamp)>>);

impl Openings {
    /// Whether the agent may ask for that one. To ask again for what it waits for is never too much.
    pub(crate) fn admit(&mut self, agent: &PrincipalId, digest: &str, now: Timestamp) -> bool {
        let recent = |at: Timestamp| now.since(at).is_none_or(|millis| millis < WAITING_MS);
        let opened = self.0.entry(agent.clone()).or_default();
        opened.retain(|(_, at)| recent(*at));
        if let Some((_, at)) = opened.iter_mut().find(|(known, _)| known == digest) {
            *at = now;
            return true;
        }
        if opened.len() >= MOST_OF_ONE_AGENT {
            return false;
        }
        opened.push((digest.to_owned(), now));
        true
    }

    /// It is decided, so it waits no longer.
    pub(crate) fn decided(&mut self, agent: &PrincipalId, digest: &str) {
        if let Some(opened) = self.0.get_mut(agent) {
            opened.retain(|(known, _)| known != digest);
            if opened.is_empty() {
                self.0.remove(agent);
            }
        }
    }
}

/// Different actions that one agent may have humans look at, at the same time.
pub(super) const MOST_OF_ONE_AGENT: usize = 16;
/// What nobody has asked for again for so long waits no longer.
const WAITING_MS: u64 = 300_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_asks_for_so_much_at_a_time_and_others_are_not_hindered() {
        let id = |text: &str| PrincipalId::parse(text).unwrap();
        let (greedy, other) = (id("https://i#greedy"), id("https://i#other"));
        let at = Timestamp::from_unix_millis;
        let mut openings = Openings::default();
        let asked = (0..1000).filter(|n| openings.admit(&greedy, &n.to_string(), at(1000))).count();
        assert_eq!(asked, MOST_OF_ONE_AGENT);
        assert!(openings.admit(&greedy, "0", at(1001)), "it goes on waiting");
        assert!(openings.admit(&other, "1000", at(1001)));
        openings.decided(&greedy, "0");
        assert!(openings.admit(&greedy, "1000", at(1002)));
        assert!(!openings.admit(&greedy, "1001", at(1002)));
        assert!(openings.admit(&greedy, "1001", at(1002 + WAITING_MS)));
    }
}
