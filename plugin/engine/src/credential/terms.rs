//! When a token is valid, and for whom. Checked at first and again each time it is used.

use super::claims::instant;
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::Timestamp;
use crate::trust::Issuer;

/// What whoever vouches may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Allowed clock difference, at most 60.
    pub(crate) leeway_seconds: u64,
    pub(crate) max_lifetime_seconds: u64,
    /// Whether `aud` may name others besides us.
    pub(crate) foreign_audiences: bool,
}

/// What a kind of token says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `aud`, `iat` and `exp` (RFC 9068 §2.2).
    Issued,
    /// `aud` and `exp` (SPIFFE JWT-SVID §3).
    Svid,
    /// `exp`, and no `aud`: what it proves is proven to each audience anew (SPIFFE WIT-SVID).
    Proven,
}

/// The terms of one token. Its lifetime is within what whoever issued it may give.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// None: the token has no audience, by its form.
    audiences: Option<Vec<String>>,
    limits: Limits,
    /// Milliseconds since the Unix epoch, like all instants here: a [`Timestamp`] ends with the
    /// year 9999, which a hostile claim need not.
    not_before: u64,
    expires: u64,
    /// Of a token that does not say when it was issued, what is left of its life is measured.
    issued: bool,
}

impl Terms {
    /// Reads `aud`, `exp`, `iat` and `nbf` (RFC 7519 §4.1).
    pub(super) fn read(claims: &Object, form: Form, limits: Limits) -> Result<Self, Reason> {
        let audiences = match (form, claims.get("aud")) {
            (Form::Proven, None) => None,
            (Form::Proven, Some(_)) => return Err(Reason::TokenMalformed),
            (Form::Issued | Form::Svid, aud) => Some(audiences(aud)?),
        };
        let expires = instant(claims, "exp")?.ok_or(Reason::TokenMalformed)?;
        let issued = instant(claims, "iat")?;
        if issued.is_none() && form == Form::Issued {
            return Err(Reason::TokenMalformed);
        }
        if let Some(issued) = issued {
            let lifetime = expires.checked_sub(issued).filter(|lifetime| *lifetime > 0);
            let lifetime = lifetime.ok_or(Reason::TokenMalformed)?;
            // JWT-25: an issuer that was broken into must not mint tokens for years.
            if lifetime > millis(limits.max_lifetime_seconds) {
                return Err(Reason::TokenLivesTooLong);
            }
        }
        // A token issued in the future is as wrong as one that is not valid yet (T15).
        let not_before = instant(claims, "nbf")?.max(issued).unwrap_or_default();
        Ok(Self { audiences, limits, not_before, expires, issued: issued.is_some() })
    }

    /// Whether the token may be used here and now: `nbf − leeway ≤ now < exp + leeway`.
    pub(super) fn hold(&self, ours: &[&str], now: Timestamp) -> Result<(), Reason> {
        let (now, leeway) = (now.unix_millis(), millis(self.limits.leeway_seconds));
        if now >= self.expires.saturating_add(leeway) {
            return Err(Reason::TokenExpired);
        }
        if now.saturating_add(leeway) < self.not_before {
            return Err(Reason::TokenNotYetValid);
        }
        let longest = millis(self.limits.max_lifetime_seconds).saturating_add(leeway);
        if !self.issued && self.expires.saturating_sub(now) > longest {
            return Err(Reason::TokenLivesTooLong);
        }
        let Some(audiences) = &self.audiences else { return Ok(()) };
        let is_ours = |audience: &String| ours.contains(&audience.as_str());
        let meant = audiences.iter().any(is_ours);
        // A token that others accept too can be replayed by them (SPIFFE JWT-SVID §7.2).
        let only = self.limits.foreign_audiences || audiences.iter().all(is_ours);
        if meant && only { Ok(()) } else { Err(Reason::AudienceMismatch) }
    }

    pub(super) fn expires(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.expires)
    }

    /// All of `aud`.
    pub(super) fn audiences(&self) -> Vec<String> {
        self.audiences.clone().unwrap_or_default()
    }
}

impl Limits {
    pub(super) fn of(issuer: &Issuer) -> Self {
        Self {
            leeway_seconds: issuer.leeway_seconds,
            max_lifetime_seconds: issuer.max_lifetime_seconds,
            foreign_audiences: issuer.foreign_audiences,
        }
    }
}

/// RFC 7519 §4.1.3: one text or a list of them. Compared byte for byte (RFC 9068 §4).
fn audiences(aud: Option<&Value>) -> Result<Vec<String>, Reason> {
    let items = match aud {
        None => return Err(Reason::AudienceMismatch),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let text = |item: &Value| item.as_str().map(str::to_owned);
    items.iter().map(text).collect::<Option<_>>().ok_or(Reason::TokenMalformed)
}

fn millis(seconds: u64) -> u64 {
    seconds.saturating_mul(1000)
}
