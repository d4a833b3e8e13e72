//! What somebody else should know of an agent: the payload of a Security Event Token (RFC 8417) with one CAEP
//! event (OpenID CAEP 1.0, `risk-level-change`), unsigned: it is a line of our own log. Who delivers it adds
//! `aud` and signs (SSF 1.0). Not here: when (`counting`).

use super::{Case, Progress};
use crate::json::{Object, Value};
use crate::model::{PrincipalId, Timestamp};
use crate::policy::Signal;
use crate::recall::Recalled;

impl Case {
    /// The event, if somebody is to be told; not more often than the store of all workers says.
    pub(super) fn signal(&self, progress: &Progress, now: Timestamp) -> Option<String> {
        let (signal, verified) = (progress.signal.as_ref()?, progress.verified.as_ref()?);
        let Some((_, Recalled::Noted { signal: true })) = self.recalled.last() else { return None };
        let seconds = Value::Integer(i64::try_from(now.unix_seconds()).unwrap_or(i64::MAX));
        let Signal { policy, level } = signal;
        let event = Object::of([
            // CAEP speaks of "human or robotic users"; it has no other word for an agent.
            ("principal", "USER".into()),
            ("current_level", (*level).into()),
            ("risk_reason", policy.as_str().into()),
            ("event_timestamp", seconds.clone()),
            ("initiating_entity", "policy".into()),
        ]);
        let payload = Object::of([
            ("iss", self.configuration.audience().into()),
            ("iat", seconds),
            ("jti", self.id.to_string().into()),
            ("sub_id", Value::Object(subject(&verified.actor.agent))),
            ("events", Value::Object(Object::of([(RISK_LEVEL_CHANGE, Value::Object(event))]))),
        ]);
        Some(payload.to_text())
    }
}

/// RFC 9493 §3.2.3 of a name that is `issuer#subject`, §3.2.7 of any other.
fn subject(agent: &PrincipalId) -> Object {
    match agent.as_str().split_once('#') {
        Some((issuer, subject)) => Object::of([
            ("format", "iss_sub".into()),
            ("iss", issuer.into()),
            ("sub", subject.into()),
        ]),
        None => Object::of([("format", "uri".into()), ("uri", agent.as_str().into())]),
    }
}

const RISK_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
