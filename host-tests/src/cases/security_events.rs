//! Security event tokens (RFC 8417) as a transmitter delivers them to whoever polls (RFC 8936).

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{moment, patch, token};

/// The answer to a poll: every event of the list, by its `jti` (or by `name`).
pub(super) fn delivered(spec: &Value, now: u64) -> anyhow::Result<String> {
    let mut sets = Map::new();
    for (number, spec) in spec.as_array().context("events are a list")?.iter().enumerate() {
        let (name, set) = event(spec, number, now)?;
        sets.insert(name, set.into());
    }
    Ok(json!({"sets": sets}).to_string())
}

fn event(spec: &Value, number: usize, now: u64) -> anyhow::Result<(String, String)> {
    let mut recipe = spec.as_object().cloned().context("an event is described by an object")?;
    let mut take = |name: &str| recipe.remove(name).unwrap_or_default();
    let (kind, details, about) = (take("event"), take("details"), take("about"));
    let (change, name) = (take("claims"), take("name"));
    let kind = kind.as_str().unwrap_or("session-revoked");
    let kind = if kind.contains(':') { kind.to_owned() } else { format!("{CAEP}{kind}") };
    let details = if details.is_null() { json!({}) } else { details };
    let jti = format!("4d3559ec67504aaba65d40b0363fa{number:03}");
    let mut claims = json!({
        "iss": "https://events.acme.example",
        "aud": "https://gateway.acme.example",
        "iat": "now",
        "jti": jti,
        "sub_id": about,
        "events": {kind: details},
    });
    if !change.is_null() {
        patch::merge(&mut claims, &change);
    }
    moment::fill(&mut claims, now);
    recipe.insert("claims".to_owned(), claims);
    recipe.entry("key").or_insert_with(|| "ed-8".into());
    recipe.entry("header").or_insert_with(|| json!({"typ": "secevent+jwt"}));
    let name = name.as_str().map_or(jti, str::to_owned);
    Ok((name, token::sign(&Value::Object(recipe))?))
}

/// Where the transmitter of the cases is.
pub const CLUSTER: &str = "events";
/// What types of events begin with (OpenID CAEP 1.0 §3).
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
