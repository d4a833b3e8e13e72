//! When a token is valid, and for whom. Checked at first and again each time it is used.

use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::Timestamp;
use crate::trust::Issuer;

/// The terms of one token. Its lifetime is within what its issuer may give.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) audiences: Vec<String>,
    foreign_audiences: bool,
    /// Milliseconds since the Unix epoch, like all instants here: a [`Timestamp`] ends with the
    /// year 9999, which a hostile claim need not.
    not_before: u64,
    expires: u64,
    leeway: u64,
}

impl Terms {
    /// Reads `aud`, `exp`, `iat` and `nbf` (RFC 9068 §2.2, RFC 7519 §4.1.5).
    pub(super) fn read(claims: &Object, issuer: &Issuer) -> Result<Self, Reason> {
        let audiences = audiences(claims)?;
        let required = |name| instant(claims, name)?.ok_or(Reason::TokenMalformed);
        let (issued, expires) = (required("iat")?, required("exp")?);
        let lifetime = expires.checked_sub(issued).filter(|lifetime| *lifetime > 0);
        let lifetime = lifetime.ok_or(Reason::TokenMalformed)?;
        // JWT-25: an issuer that was broken into must not mint tokens for years.
        if lifetime > millis(issuer.max_lifetime_seconds) {
            return Err(Reason::TokenLivesTooLong);
        }
        // A token issued in the future is as wrong as one that is not valid yet (T15).
        let not_before = instant(claims, "nbf")?.map_or(issued, |nbf| nbf.max(issued));
        Ok(Self {
            audiences,
            foreign_audiences: issuer.foreign_audiences,
            not_before,
            expires,
            leeway: millis(issuer.leeway_seconds),
        })
    }

    /// Whether the token may be used here and now: `nbf − leeway ≤ now < exp + leeway`.
    pub(super) fn hold(&self, ours: &[&str], now: Timestamp) -> Result<(), Reason> {
        let now = now.unix_millis();
        if now >= self.expires.saturating_add(self.leeway) {
            return Err(Reason::TokenExpired);
        }
        if now.saturating_add(self.leeway) < self.not_before {
            return Err(Reason::TokenNotYetValid);
        }
        let is_ours = |audience: &String| ours.contains(&audience.as_str());
        let meant = self.audiences.iter().any(is_ours);
        // A token that others accept too can be replayed by them (SPIFFE JWT-SVID §7.2).
        let only = self.foreign_audiences || self.audiences.iter().all(is_ours);
        if meant && only { Ok(()) } else { Err(Reason::AudienceMismatch) }
    }

    pub(super) fn expires(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.expires)
    }
}

/// RFC 7519 §4.1.3: one text or a list of them. Compared byte for byte (RFC 9068 §4).
fn audiences(claims: &Object) -> Result<Vec<String>, Reason> {
    let items = match claims.get("aud") {
        None => return Err(Reason::AudienceMismatch),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let text = |item: &Value| item.as_str().map(str::to_owned);
    items.iter().map(text).collect::<Option<_>>().ok_or(Reason::TokenMalformed)
}

/// A NumericDate (RFC 7519 §2): seconds, not negative, a fraction allowed and kept to the
/// millisecond. Numbers beyond 2^53 the reader has refused.
pub(super) fn instant(claims: &Object, name: &str) -> Result<Option<u64>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Integer(n)) => {
            u64::try_from(*n).map(|n| Some(millis(n))).map_err(|_| Reason::TokenMalformed)
        }
        // Below 2^53 and not negative, so the product is exact enough and the conversion fits.
        Some(Value::Decimal(x)) if *x >= 0.0 => Ok(Some((x * 1000.0) as u64)),
        Some(_) => Err(Reason::TokenMalformed),
    }
}

fn millis(seconds: u64) -> u64 {
    seconds.saturating_mul(1000)
}
