//! Server nonces (RFC 9449 §9) that need no memory: an HMAC of the time.
//!
//! A proof with one was made recently, by this gateway's clock and not by the client's. The same
//! nonce serves everybody for a while; that a proof is used once is for its `jti`.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::model::Timestamp;
use crate::trust::base64url;

/// Makes nonces and knows its own again.
#[derive(Clone)]
pub(crate) struct Nonces {
    secret: Vec<u8>,
    period_ms: u64,
}

impl Nonces {
    /// A nonce is good for one period at least and two at most.
    pub(crate) fn new(secret: &[u8], period_seconds: u64) -> Self {
        Self { secret: secret.to_vec(), period_ms: period_seconds.max(1).saturating_mul(1000) }
    }

    /// The nonce to use now.
    pub(crate) fn current(&self, now: Timestamp) -> Option<String> {
        let mac = self.mac(self.period(now))?;
        Some(base64url::encode(&mac.finalize().into_bytes()))
    }

    /// Of this period or the one before; or of the next, of a gateway whose clock is ahead.
    pub(super) fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let Some(nonce) = base64url::decode(nonce) else { return false };
        let period = self.period(now);
        let periods = [period, period.saturating_sub(1), period.saturating_add(1)];
        // In constant time: what was nearly right says nothing.
        periods.into_iter().any(|p| self.mac(p).is_some_and(|mac| mac.verify_slice(&nonce).is_ok()))
    }

    fn period(&self, now: Timestamp) -> u64 {
        now.unix_millis().checked_div(self.period_ms).unwrap_or_default()
    }

    fn mac(&self, period: u64) -> Option<Hmac<Sha256>> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(b"deputy dpop nonce");
        mac.update(&period.to_le_bytes());
        Some(mac)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("period_ms", &self.period_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic")]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_457_870_204;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(NOW + seconds * 1000)
    }

    #[test]
    fn a_nonce_is_known_again_for_a_period_and_then_no_more() {
        let nonces = Nonces::new(b"0123456789abcdef0123456789abcdef", 60);
        let nonce = nonces.current(at(0)).unwrap();
        assert!(nonces.accepts(&nonce, at(0)));
        assert!(nonces.accepts(&nonce, at(60)));
        assert!(!nonces.accepts(&nonce, at(120)));
        let ahead = nonces.current(at(60)).unwrap();
        assert!(nonces.accepts(&ahead, at(0)));
        assert!(!nonces.accepts(&nonces.current(at(180)).unwrap(), at(0)));
    }

    #[test]
    fn a_nonce_is_nobody_elses() {
        let nonces = Nonces::new(b"0123456789abcdef0123456789abcdef", 60);
        let other = Nonces::new(b"0123456789abcdef0123456789abcdeg", 60);
        assert!(!nonces.accepts(&other.current(at(0)).unwrap(), at(0)));
        let good = nonces.current(at(0)).unwrap();
        let flipped = if good.starts_with('A') { "B" } else { "A" };
        for bad in ["", "A", &good[1..], &good[..42], &format!("{flipped}{}", &good[1..])] {
            assert!(!nonces.accepts(bad, at(0)), "{bad}");
        }
        assert!(!format!("{nonces:?}").contains("48"), "the secret is in no log");
    }
}
