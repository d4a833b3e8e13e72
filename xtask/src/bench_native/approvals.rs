//! What waiting for a human and counting cost: the example's world, once without either, once with both of them
//! for something else, and once with what is counted.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::signing::Signer;
use crate::world::{World, jwks, set, write};

/// What the gateways and the load generator are given.
pub(crate) fn write_all(repository: &Path, folder: &Path) -> Result<()> {
    let token = World::new(repository)?.token(0);
    // Longer than a human would read, as long as what is bound may well be.
    let note = "arrived broken, see the ticket -- ".repeat(30);
    let wants = |id: u64| {
        let arguments = json!({"id": id, "amount": 400, "note": note});
        Asking::call("refund", arguments).to_json(&token)
    };
    let mut files = vec![
        ("approval-neither.json".to_owned(), World::new(repository)?.configuration),
        ("approval-beside.json".to_owned(), with(repository, BESIDE)?),
        ("approval-counted.json".to_owned(), with(repository, COUNTED)?),
        ("approval-wanted.json".to_owned(), wants(0)),
    ];
    files.extend((1..=WAITING).map(|id| (format!("approval-waiting-{id}.json"), wants(id))));
    files.iter().try_for_each(|(name, json)| write(folder, name, json.to_string().as_bytes()))
}

/// With an approval service, and one more policy.
fn with(repository: &Path, policy: &str) -> Result<Value> {
    let mut configuration = World::new(repository)?.configuration;
    let key = Signer::es256("approvals")?;
    let service = json!({
        "endpoint": {"cluster": "approvals", "authority": "approvals.acme.example", "path": "/v1/requests"},
        "page": "https://approvals.acme.example/r/",
        "issuer": "https://approvals.acme.example",
        "algorithms": ["ES256"],
        "keys": {"inline": jwks([&key])},
    });
    set(&mut configuration, "approvals", service)?;
    let files = configuration.pointer_mut("/policy/files").and_then(Value::as_array_mut);
    files
        .context("the example has no policies")?
        .push(json!({"name": "approvals.cedar", "text": policy}));
    Ok(configuration)
}

/// So many actions of one agent wait at most (docs/approvals.md, "Bounds"): one more is refused as soon as its
/// digest is known.
const WAITING: u64 = 16;

const BESIDE: &str = r#"
@id("exports-are-few")
@retry_after("60")
forbid (principal is Agent, action == Action::"orders/export_customers", resource)
when { context has behavior && context.behavior.agent.minute.calls > 3 };
"#;

/// More than any run makes, so that each is let.
const COUNTED: &str = r#"
@id("calls-are-few")
@retry_after("60")
forbid (principal is Agent, action in Action::"tools/call", resource)
when { context has behavior && context.behavior.agent.minute.calls > 1000000000 };
"#;
