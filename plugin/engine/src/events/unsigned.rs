//! Events that no key signed so far: the key may be newer than those that are held.
//!
//! Keys are asked for once a minute at most (JWKS-2), and an event that is reported as bad is lost. So one
//! waits until they were asked for after it came, or for some minutes.

use super::token;
use crate::model::{IssuerId, Timestamp};
use crate::recall::Digest16;
use crate::trust::{Elapsed, Trust};

/// When each came.
#[derive(Debug, Default)]
pub(super) struct Unsigned(Vec<(Digest16, Elapsed)>);

impl Unsigned {
    /// When that event was first seen: now, if it was not.
    pub(super) fn came(&mut self, (issuer, id): (&str, &str), now: Elapsed) -> Elapsed {
        let digest = token(issuer, id);
        self.0.retain(|(_, came)| now.since(*came) < FORGOTTEN_MS);
        if let Some((_, came)) = self.0.iter().find(|(known, _)| *known == digest) {
            return *came;
        }
        // Without room it waits as if it had just come.
        if self.0.len() < MAX_UNSIGNED {
            self.0.push((digest, now));
        }
        now
    }

    /// Whether no key that may still be fetched can have signed it.
    pub(super) fn is_settled(
        &mut self,
        event: (&str, &str),
        source: &IssuerId,
        trust: &mut Trust,
        now: Timestamp,
    ) -> bool {
        let now = trust.at(now);
        let came = self.came(event, now);
        trust.asked_since(source, came) || now.since(came) >= PATIENCE_MS
    }
}

/// Some minutes, as keys that nobody has are asked for each minute; and less than the default
/// `max_age_seconds`.
const PATIENCE_MS: u64 = 4 * 60_000;
/// An event that is delivered again must not seem new, or it would wait for ever.
const FORGOTTEN_MS: u64 = 2 * PATIENCE_MS;
/// As many as one answer may hold.
const MAX_UNSIGNED: usize = 512;
