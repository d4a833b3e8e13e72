//! Decisions per second without any gateway, measured by `bench-native`.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::sample::Sample;
use super::world::World;
use crate::{place, progress};

pub(super) fn measure(world: &World, rounds: u32) -> Result<Vec<Figure>> {
    let measured = progress::step("decisions", |_| {
        let output = Command::new(&world.native)
            .arg("decide")
            .arg(place::root())
            .arg(rounds.to_string())
            .output()
            .context("can't start bench-native")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let measured: BTreeMap<String, Vec<f64>> = serde_json::from_slice(&output.stdout)?;
        Ok((measured, format!("in {rounds} rounds, without a gateway")))
    })?;
    let of = |name: &str| {
        let micros = measured
            .get(name)
            .cloned()
            .with_context(|| format!("bench-native did not measure {name}"));
        micros.map(Sample)
    };
    let (http, tools_call) = (of("http")?, of("tools_call")?);
    let (cedar_http, cedar_tools_call) = (of("cedar_http")?, of("cedar_tools_call")?);
    let per_second = |name, says, micros: &Sample| {
        Figure::of(name, says, &micros.map(|micros| 1e6 / micros), "/s")
    };
    Ok(vec![
        per_second("native_http", "decisions, HTTP route, token seen before", &http),
        per_second("native_tools_call", "decisions, tools/call, token seen before", &tools_call),
        per_second(
            "native_cedar_http",
            "Cedar alone, the same two questions: HTTP route",
            &cedar_http,
        ),
        per_second(
            "native_cedar_tools_call",
            "Cedar alone, the same two questions: tools/call",
            &cedar_tools_call,
        ),
        Figure::of(
            "native_http_over_cedar",
            "a decision over Cedar's part: HTTP route",
            &http.over(&cedar_http),
            "×",
        ),
        Figure::of(
            "native_tools_call_over_cedar",
            "a decision over Cedar's part: tools/call",
            &tools_call.over(&cedar_tools_call),
            "×",
        ),
        Figure::of(
            "native_first_sight",
            "a decision, HTTP route, ES256 token never seen",
            &of("first_sight")?,
            "µs",
        ),
    ])
}
