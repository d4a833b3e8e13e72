//! What an event means for tokens: which no longer count (OpenID CAEP 1.0 §3).
//!
//! | event | what no longer counts |
//! |---|---|
//! | `session-revoked` | the tokens of its subject that were issued until then |
//! | `credential-change` of `revoke`, `delete`, `update` | likewise: they rest on a credential that is no longer the same |
//! | `token-claims-change` | the token, or the subject's tokens that were issued until then |
//! | any other | nothing |
//!
//! A subject is matched by its `iss_sub`, a `uri` that is an agent's id, the `opaque` id that the transmitter
//! itself gave, or a token's `jwt_id` (RFC 9493 §3.2). Of a complex one, the `user` (or `application`)
//! counts: that is wider than a session or a device of theirs, which no token here can be told by.

use crate::credential::SecurityEvent;
use crate::json::{Object, Value};
use crate::model::{IssuerId, PrincipalId, Timestamp};
use crate::recall::{Cutoffs, Digest16};

/// What follows from an event.
pub(super) enum Meaning {
    Nothing,
    Strike(Strike),
}

/// Whom or what it strikes, and from when.
pub(super) struct Strike {
    pub(super) digest: Digest16,
    pub(super) issued: Timestamp,
}

/// Why it can't be followed.
pub(super) struct NotUnderstood(pub(super) &'static str);

pub(super) fn meaning(event: &SecurityEvent, issuer: &str) -> Result<Meaning, NotUnderstood> {
    let (kind, details, about) =
        event.event().ok_or(NotUnderstood("needs exactly one event, and sub_id"))?;
    let kind = kind.strip_prefix(CAEP).unwrap_or_default();
    let change = details.get("change_type").and_then(Value::as_str);
    match (kind, change) {
        ("session-revoked" | "token-claims-change", _) => {}
        ("credential-change", Some("revoke" | "delete" | "update")) => {}
        ("credential-change", Some("create")) => return Ok(Meaning::Nothing),
        ("credential-change", _) => return Err(NotUnderstood("change_type is missing or unknown")),
        _ => return Ok(Meaning::Nothing),
    }
    let issued = event.happened(details);
    let issued = issued.ok_or(NotUnderstood("event_timestamp is not a time"))?;
    let digest = struck(about, issuer).ok_or(NotUnderstood("sub_id is of no form known here"))?;
    Ok(Meaning::Strike(Strike { digest, issued }))
}

/// Whom or what a subject identifier is (RFC 9493).
fn struck(about: &Object, issuer: &str) -> Option<Digest16> {
    let text = |name| about.get(name).and_then(Value::as_str);
    let principal =
        |issuer, sub| Some(subject(&PrincipalId::new(&IssuerId::parse(issuer).ok()?, sub).ok()?));
    match text("format")? {
        "iss_sub" => principal(text("iss")?, text("sub")?),
        "opaque" => principal(issuer, text("id")?),
        "uri" => Some(subject(&PrincipalId::parse(text("uri")?).ok()?)),
        "jwt_id" => Some(token(text("iss")?, text("jti")?)),
        // SSF §3.2: each of its members narrows it, so one of them alone is wider.
        "complex" => {
            let simple = ["user", "application"].iter().find_map(|name| about.get(name))?;
            let simple = simple.as_object()?;
            let nested = simple.get("format").and_then(Value::as_str) == Some("complex");
            if nested { None } else { struck(simple, issuer) }
        }
        _ => None,
    }
}

/// What tokens of somebody, or by somebody, are kept as.
pub(crate) fn subject(id: &PrincipalId) -> Digest16 {
    Cutoffs::digest("subject", &[id.as_str().as_bytes()])
}

/// What one token is kept as.
pub(crate) fn token(issuer: &str, jti: &str) -> Digest16 {
    Cutoffs::digest("token", &[issuer.as_bytes(), jti.as_bytes()])
}

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
