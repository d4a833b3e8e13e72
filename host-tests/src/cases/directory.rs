//! What a directory of agents answers (SCIM, RFC 7644 §3.4.2): a list of the agents that fit.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::patch;

/// A ListResponse of these agents, each a merge patch over far-bot; in it, `extension` is what Deputy knows of
/// an agent.
pub(super) fn listed(spec: &Value) -> anyhow::Result<String> {
    let mut agents = Vec::new();
    for change in spec.as_array().context("agents are a list")? {
        let mut change =
            change.as_object().cloned().context("an agent is described by an object")?;
        if let Some(extension) = change.remove("extension") {
            change.insert(EXTENSION.to_owned(), extension);
        }
        let mut agent = far_bot();
        patch::merge(&mut agent, &Value::Object(change));
        agents.push(agent);
    }
    let mut list = Map::new();
    list.insert("schemas".to_owned(), json!([LIST]));
    list.insert("totalResults".to_owned(), agents.len().into());
    if !agents.is_empty() {
        list.insert("itemsPerPage".to_owned(), agents.len().into());
        list.insert("startIndex".to_owned(), 1.into());
        list.insert("Resources".to_owned(), Value::Array(agents));
    }
    Ok(Value::Object(list).to_string())
}

fn far_bot() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Agent", EXTENSION],
        "id": "2819c223-7f76-453a-919d-413861904646",
        "externalId": "https://idp.acme.example#far-bot",
        "name": "far-bot@acme",
        "displayName": "far-bot",
        "active": true,
        "agentType": "Assistant",
        "owners": [{"value": "902c246b-6245-4190-8e05-00816be7344a"}],
        "meta": {"resourceType": "Agent", "created": "2026-01-23T04:56:22Z"},
        EXTENSION: {"owner": "payments-team", "teams": ["support"]},
    })
}

/// Where the directory of the cases is.
pub const CLUSTER: &str = "directory";
const EXTENSION: &str = "urn:deputy:scim:schemas:extension:1.0:Agent";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
