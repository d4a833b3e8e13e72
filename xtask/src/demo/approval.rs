//! A person says yes: what asked is approved by lee, goes through once, and has to be asked for again.
//!
//! lee is a program with a browser of its own (`demo-person`): it opens the address that the agent was told,
//! signs in at the issuer, reads the page and presses its button. With `--serve` a person does it.
//!
//! The demo's Deputy asks the approval service itself; the example's, which runs without one, only names it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::expect::{Evidence, Expected};
use super::perform::Receipt;
use super::scenes::{Act, Scene, Sender};
use super::show;
use super::stage::Stage;
use crate::place;

const REFUND_BOT_FOR_DANA: Sender = Sender::Delegate { agent: "refund-bot", human: "dana" };
const STEP: &str = r#"tools/call refund {"id":1042,"amount":400}"#;
const SHOWN: &str = "refund {id: 1042, amount: 400}";

const ASKS: Act = act(&[Scene {
    step: STEP,
    shown: SHOWN,
    lesson: "asked before, so it is the same request",
    expected: Expected::ask(
        &["refunds-over-100-need-a-human"],
        &["support-staff-serve-orders"],
        &["role:finance"],
    ),
}]);

const APPROVED: Act = act(&[Scene {
    step: STEP,
    shown: SHOWN,
    lesson: "approved by lee: allowed once",
    // The policy that asked gave way: it decided as well.
    expected: Expected::allow(
        &["refunds-over-100-need-a-human", "small-refunds"],
        &["support-staff-serve-orders"],
    ),
}]);

const USED: Act = act(&[Scene {
    step: STEP,
    shown: "the same call again",
    lesson: "the approval was used",
    expected: Expected::ask_again("approval_used", &["role:finance"]),
}]);

const fn act(scenes: &'static [Scene]) -> Act {
    Act { sender: REFUND_BOT_FOR_DANA, protocol: "2026-07-28", scenes }
}

/// Has the demo's Deputy ask the service whose page is at `page`.
pub(super) fn prepare(folder: &Path, page: &str) -> Result<()> {
    let ours = folder.join("deputy.json");
    let from = if ours.exists() { ours.clone() } else { place::example().join("deputy.json") };
    let mut configuration: Value = serde_json::from_str(&fs::read_to_string(from)?)?;
    let at = |path: &str| json!({ "cluster": "approvals", "authority": "approvals.acme.example", "path": path });
    let section = json!({
        "endpoint": at("/v1/requests"),
        "page": format!("{page}/r/"),
        "issuer": "https://approvals.acme.example",
        "algorithms": ["ES256"],
        "keys": { "fetch": at("/jwks") },
    });
    let members = configuration.as_object_mut().context("deputy.json is an object")?;
    members.insert("approvals".to_owned(), section);
    let text = serde_json::to_string_pretty(&configuration)?;
    fs::write(ours, format!("{text}\n"))?;
    Ok(())
}

/// Plays it; the receipts it left. What goes wrong is shown and counted.
pub(super) fn play(stage: &Stage, number: &mut usize, wrong: &mut usize) -> Result<Vec<Receipt>> {
    let mut receipts = Vec::new();
    let asked = scene(stage, &ASKS, (number, wrong), &mut receipts)?;
    let page = page(&asked)?;
    show::detail("lee", &approve(&page)?);
    let approved = scene(stage, &APPROVED, (number, wrong), &mut receipts)?;
    show::detail("approver", &approver(&approved.receipt));
    scene(stage, &USED, (number, wrong), &mut receipts)?;
    Ok(receipts)
}

fn scene(
    stage: &Stage,
    act: &'static Act,
    (number, wrong): (&mut usize, &mut usize),
    receipts: &mut Vec<Receipt>,
) -> Result<Evidence> {
    let performed = stage.perform(act)?;
    let first = performed.receipts.first().context("the act left no receipt")?;
    if receipts.is_empty() {
        show::sender(act.sender, &first.value);
    }
    receipts.extend(performed.receipts);
    let scene = act.scenes.first().context("the act has a scene")?;
    let evidence = performed.scenes.into_iter().next().context("the act left nothing")?;
    *number += 1;
    let differences = evidence.differences(act.sender, &scene.expected);
    if differences.is_empty() {
        show::scene(*number, scene, &evidence);
    } else {
        *wrong += 1;
        show::wrong(*number, scene, &evidence, &differences);
    }
    Ok(evidence)
}

/// The page that the agent was told of.
fn page(asked: &Evidence) -> Result<String> {
    let told = asked.agent.pointer("/error/data/access_request/url").and_then(Value::as_str);
    let told = told.with_context(|| format!("the agent was told no page: {}", asked.agent))?;
    Ok(told.to_owned())
}

fn approve(page: &str) -> Result<String> {
    let mut person = Command::new(place::program("demo-person"));
    person.args(["approve", page, "--as", "lee", "--reason", "order 1042 arrived broken"]);
    let output = person.stdin(Stdio::null()).output().context("can't start demo-person")?;
    if !output.status.success() {
        bail!("lee could not approve:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(format!("signs in and approves on {page}"))
}

/// As the receipt of the call names them.
fn approver(receipt: &Value) -> String {
    let get = |name: &str| receipt.pointer(&format!("/approval/{name}")).and_then(Value::as_str);
    let (who, id) = (get("approver").unwrap_or("nobody"), get("id").unwrap_or("none"));
    format!("{who}, approval {id}")
}
