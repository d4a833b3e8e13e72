//! `cargo xtask demo`: a real agent, a real gateway, a real MCP server, and every answer checked.

mod approval;
mod children;
mod expect;
mod gateway;
mod perform;
mod revocation;
mod scenes;
mod serve;
mod show;
mod stage;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, bail, ensure};
use clap::Args;
use console::style;

use crate::progress::{self, say};
use crate::{artifacts, example, place};
use gateway::Choice;
pub(crate) use gateway::Gateway;
use perform::Receipt;
use stage::Stage;

/// How the demo is played.
#[derive(Args)]
pub(crate) struct Options {
    /// The host that the module runs in; by default Envoy, if it can be had.
    #[arg(long, value_enum)]
    host: Option<Choice>,
    /// Keep everything running afterwards, and say what can be tried.
    #[arg(long)]
    serve: bool,
}

/// Builds, plays, judges.
pub(crate) fn run(options: &Options) -> Result<()> {
    example::write_stale()?;
    artifacts::wasm_targets(&["wasm32-wasip1"])?;
    artifacts::plugin()?;
    progress::step("demo programs", |running| {
        let packages = ["deputy-example-envoy-mcp", "deputy-example-approvals", "deputy"];
        artifacts::programs(&packages, running)?;
        Ok(((), "demo-issuer, orders-mcp, demo-agent, demo-person, approvals, deputy".to_owned()))
    })?;
    let gateway = Gateway::obtain(options.host)?;
    gateway.build()?;
    let stage = Stage::set(gateway)?;
    play(&stage)?;
    if !options.serve {
        return Ok(());
    }
    revocation::take_back(&stage)?;
    serve::until_stopped(&stage)
}

/// Plays with what has been built already, on one host.
pub(crate) fn check(gateway: Gateway) -> Result<()> {
    play(&Stage::set(gateway)?)
}

fn play(stage: &Stage) -> Result<()> {
    let mut number = 0;
    let mut wrong = 0;
    let mut all: Vec<Receipt> = Vec::new();
    let mut told: Option<Receipt> = None;
    for act in scenes::ACTS {
        let performed = stage.perform(act)?;
        if let Some(first) = performed.receipts.first() {
            show::sender(act.sender, &first.value);
        }
        for (scene, evidence) in act.scenes.iter().zip(&performed.scenes) {
            number += 1;
            let differences = evidence.differences(act.sender, &scene.expected);
            if differences.is_empty() {
                show::scene(number, scene, evidence);
            } else {
                wrong += 1;
                show::wrong(number, scene, evidence, &differences);
            }
            if scene.step.contains("\"amount\":40}") && told.is_none() {
                told = Some(Receipt {
                    text: evidence.receipt_text.clone(),
                    value: evidence.receipt.clone(),
                });
            }
        }
        all.extend(performed.receipts);
    }
    all.extend(approval::play(stage, &mut number, &mut wrong)?);
    number += 1;
    all.extend(revocation::play(stage, number, &mut wrong)?);
    ensure!(wrong == 0, "{wrong} of {number} scenes did not go as they must; see above");
    let proofs = proofs(stage, &all)?;
    if let Some(told) = told {
        show::receipt(&told);
        show::answers(&told.value, &proofs);
    }
    let host = stage.gateway.name();
    say(&format!("\n {} all {number} scenes went as they must, on {host}", style("✓").green()));
    Ok(())
}

/// What was checked over all receipts together; an error if any of it does not hold.
fn proofs(stage: &Stage, receipts: &[Receipt]) -> Result<Vec<String>> {
    let id = |receipt: &Receipt| receipt.value.get("id").map(ToString::to_string);
    let ids: BTreeSet<_> = receipts.iter().filter_map(id).collect();
    ensure!(ids.len() == receipts.len(), "two receipts share an id");
    let upstream = stage.upstream()?.len();
    let mut proofs = vec![
        format!("{} decisions, {} receipts, {} ids", receipts.len(), receipts.len(), ids.len()),
        format!("orders-mcp saw the {upstream} requests that receipts allow, and none else"),
        "the hashes of token and arguments are those that the agent made of what it sent"
            .to_owned(),
    ];
    if matches!(stage.gateway, Gateway::Envoy(_)) {
        check_access_log(stage, receipts)?;
        proofs.push("Envoy's access log has every receipt once".to_owned());
    }
    Ok(proofs)
}

/// `%FILTER_STATE(wasm.deputy:PLAIN)%`: the same receipts, by another way.
fn check_access_log(stage: &Stage, receipts: &[Receipt]) -> Result<()> {
    let log = stage.gateway.receipts(&stage.folder);
    let missing = |text: &str| {
        let count = |r: &&Receipt| text.matches(&format!("deputy={}", r.text)).count() != 1;
        receipts.iter().find(count).map(|receipt| receipt.text.clone())
    };
    let mut absent = None;
    // Access log lines are written when a stream ends and then flushed: soon, not at once.
    for _ in 0..100 {
        absent = missing(&String::from_utf8_lossy(&fs::read(&log)?));
        if absent.is_none() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    bail!(
        "Envoy's access log ({}) does not have this receipt exactly once: {}",
        place::shown(&log),
        absent.unwrap_or_default()
    )
}
