//! The security event beside a receipt (RFC 8417): there if the case says so, and at most one.

use serde_json::Value;

use super::Judged;
use crate::runner::subset;

pub(super) fn judge(judged: &Judged<'_>, found: &mut Vec<String>) {
    let events: Vec<_> =
        judged.seen.logs.iter().filter_map(|line| line.strip_prefix(SIGNAL)).collect();
    match (&judged.expect().signal, events.as_slice()) {
        (None, []) => {}
        (Some(expected), [event]) => {
            let event: Value = serde_json::from_str(event).unwrap_or_default();
            subset::compare(expected, Some(&event), "signal", found);
            // SSF 1.0: these would make a SET pass for another kind of token.
            if event.get("exp").is_some() || event.get("sub").is_some() {
                found.push(format!("a security event has no exp and no sub: {event}"));
            }
        }
        (expected, events) => found.push(format!("signal: expected {expected:?}, got {events:?}")),
    }
}

/// How a log line says that it is one.
const SIGNAL: &str = "deputy-signal ";
