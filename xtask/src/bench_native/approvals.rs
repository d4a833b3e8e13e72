//! What waiting for a human and counting cost: the example's world, once without either, once with both of them
//! for something else, once with a policy more, and once with one that counts.

use std::path::Path;

use anyhow::{Context as _, Result};
use deputy_engine::engine::Engine;
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::decide::Host;
use crate::signing::Signer;
use crate::subject::{self, Once, Subject};
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
        ("approval-as-many.json".to_owned(), with(repository, AS_MANY)?),
        ("approval-counted.json".to_owned(), with(repository, COUNTED)?),
        ("approval-wanted.json".to_owned(), wants(0)),
    ];
    files.extend((1..=WAITING).map(|id| (format!("approval-waiting-{id}.json"), wants(id))));
    files.iter().try_for_each(|(name, json)| write(folder, name, json.to_string().as_bytes()))
}

/// `{subject: [microseconds in round 1, in round 2, …]}`: one call, decided in each of the worlds. Of those
/// that are `wanted`.
pub(crate) fn measure(
    repository: &Path,
    rounds: usize,
    wanted: impl Fn(&str) -> bool,
) -> Result<Value> {
    let (world, asking) = (World::new(repository)?, Asking::tools_call());
    let worlds = [
        ("uncounted", world.configuration.clone()),
        ("beside", with(repository, BESIDE)?),
        ("as_many", with(repository, AS_MANY)?),
        ("counted", with(repository, COUNTED)?),
    ];
    let mut subjects = Vec::new();
    for (name, configuration) in worlds.into_iter().filter(|(name, _)| wanted(name)) {
        let engine = Engine::new(configuration.to_string().as_bytes());
        let engine = engine.map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let (mut host, pairs) = (Host::with(engine, world.now), asking.pairs(&world.token(0)));
        let body = asking.body.clone();
        let once: Once<'_> = Box::new(move || host.allowed(&pairs, &body));
        subjects.push(Subject::new(name, once));
    }
    subject::measure(subjects, rounds)
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

/// As many policies as in [`COUNTED`], and nothing counted.
const AS_MANY: &str = r#"
@id("calls-are-few")
@retry_after("60")
forbid (principal is Agent, action in Action::"tools/call", resource)
when { context.protocol == "http" };
"#;

/// More than any run makes, so that each is let.
const COUNTED: &str = r#"
@id("calls-are-few")
@retry_after("60")
forbid (principal is Agent, action in Action::"tools/call", resource)
when { context has behavior && context.behavior.agent.minute.calls > 1000000000 };
"#;
