//! A Security Event Token (RFC 8417) of a configured transmitter: signed, and no credential.
//!
//! What is required and what must not be there is that of the Shared Signals Framework 1.0 §4 (SET-1): it must
//! not be taken for a token that says who somebody is, nor the other way round (RFC 8417 §4.5…§4.8). Not here:
//! what the event means (`events`).

use super::jws::Jws;
use super::signed::signed;
use super::{Asking, Rules, Unverified, claims};
use crate::decision::Reason;
use crate::fetch::Fetch;
use crate::json::{Object, Value};
use crate::model::{IssuerId, Timestamp};
use crate::trust::{Algorithms, Trust};

/// Whose events are taken.
pub(crate) struct EventRules<'a> {
    /// `iss`, byte for byte (SET-2).
    pub(crate) issuer: &'a str,
    /// One of `aud`.
    pub(crate) audience: &'a str,
    /// Whose keys sign them; never an issuer of access tokens.
    pub(crate) source: &'a IssuerId,
    pub(crate) algorithms: &'a Algorithms,
}

/// A security event whose signature holds.
pub(crate) struct SecurityEvent {
    claims: Object,
    /// `iat`.
    pub(crate) issued: Timestamp,
}

/// Why one is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoEvent {
    /// The keys have to come first.
    Later(Option<Fetch>),
    /// No key that is held now has signed it; one that is new may have.
    NotSigned,
    /// For good: `err` and `description` (RFC 8935 §2.3, §2.4).
    Bad(&'static str, &'static str),
}

impl SecurityEvent {
    /// Verifies one that was delivered under the name `id`.
    pub(crate) fn verify(
        (id, text): (&str, &str),
        rules: &EventRules<'_>,
        trust: &mut Trust,
        now: Timestamp,
    ) -> Result<Self, NoEvent> {
        let jws = Jws::parse(text).map_err(|_| INVALID)?;
        if !jws.is_of_type("secevent+jwt") {
            return Err(NoEvent::Bad("invalid_request", "typ is not secevent+jwt"));
        }
        if jws.claims.get("iss").and_then(Value::as_str) != Some(rules.issuer) {
            return Err(NoEvent::Bad("invalid_issuer", "iss is not that of the stream"));
        }
        let nothing = Rules::default();
        let mut asking = Asking { trust, rules: &nothing, audiences: &[], now };
        signed(&jws, rules.source, rules.algorithms, &mut asking).map_err(|not| match not {
            Unverified::Needs(fetch) => NoEvent::Later(Some(fetch)),
            Unverified::Rejected(rejected) => match rejected.reason {
                Reason::KeysUnavailable => NoEvent::Later(None),
                Reason::KeyUnknown | Reason::SignatureInvalid => NoEvent::NotSigned,
                _ => NoEvent::Bad(
                    "invalid_key",
                    "it is not signed as the issuer's keys are to be used",
                ),
            },
        })?;
        let claims = jws.claims;
        if !is_for(&claims, rules.audience) {
            return Err(NoEvent::Bad("invalid_audience", "aud does not name this receiver"));
        }
        // SSF §4: they would make it look like an access token.
        if claims.get("sub").is_some() || claims.get("exp").is_some() {
            return Err(NoEvent::Bad("invalid_request", "sub and exp must not be there"));
        }
        let issued = claims::timestamp(&claims, "iat").ok().flatten();
        let named = claims::identifier(&claims, "jti").is_ok_and(|jti| jti == id);
        let early = |at: &Timestamp| at.since(now).is_none_or(|millis| millis <= LEEWAY_MS);
        match issued.filter(early).filter(|_| named) {
            Some(issued) => Ok(Self { claims, issued }),
            None => Err(INVALID),
        }
    }

    /// When what an event says happened: its `event_timestamp`, a NumericDate (CAEP §2), or else `iat`; none if
    /// that is no time.
    pub(crate) fn happened(&self, event: &Object) -> Option<Timestamp> {
        Some(claims::timestamp(event, "event_timestamp").ok()?.unwrap_or(self.issued))
    }

    /// Its one event and whom it is about; a stream of events in one token is nobody's (CAEP
    /// interoperability profile §2.7.3).
    pub(crate) fn event(&self) -> Option<(&str, &Object, &Object)> {
        let mut events = self.claims.get("events")?.as_object()?.iter();
        let (Some((kind, event)), None) = (events.next(), events.next()) else { return None };
        Some((kind, event.as_object()?, self.claims.get("sub_id")?.as_object()?))
    }
}

fn is_for(claims: &Object, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|aud| aud.as_str() == Some(audience)),
        aud => aud.and_then(Value::as_str) == Some(audience),
    }
}

const INVALID: NoEvent = NoEvent::Bad("invalid_request", "it is not a strict security event token");
/// As much clock difference as issuers are allowed.
const LEEWAY_MS: u64 = 60_000;
