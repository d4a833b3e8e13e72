//! Which test programs there are, and which of them need a real Envoy: their names say so.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cargo::cargo;

/// The names of all integration tests of the default members: those that need Envoy, and the others;
/// [`PEERS`] and [`BROWSER`] are neither.
///
/// # Errors
/// When cargo does not say, or knows none that need Envoy: a rule that finds nothing is wrong.
pub(super) fn by_need_of_envoy() -> Result<(Vec<String>, Vec<String>)> {
    let metadata =
        cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]).output()?;
    let metadata: Value =
        serde_json::from_slice(&metadata.stdout).context("what `cargo metadata` says")?;
    let (envoy, others): (Vec<_>, Vec<_>) = tests(&metadata)
        .into_iter()
        .filter(|name| name != PEERS && name != BROWSER)
        .partition(|name| needs_envoy(name));
    if envoy.is_empty() || others.is_empty() {
        bail!("`cargo metadata` names no tests that need Envoy, or none that do not");
    }
    Ok((envoy, others))
}

fn tests(metadata: &Value) -> Vec<String> {
    let default: Vec<_> =
        metadata["workspace_default_members"].as_array().into_iter().flatten().collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages
        .filter(|package| default.contains(&&package["id"]))
        .filter_map(|package| package["targets"].as_array())
        .flatten();
    let is_test = |target: &&Value| {
        target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"))
    };
    targets
        .filter(is_test)
        .filter_map(|target| target["name"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Tests with peers from npm and PyPI; they need Envoy as well, and are run apart.
pub(super) const PEERS: &str = "interop";

/// Tests of pages in a real browser; run apart, because there may be none.
pub(super) const BROWSER: &str = "browser";

fn needs_envoy(name: &str) -> bool {
    name == "envoy" || name.starts_with("envoy_") || name.ends_with("_envoy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_in_one_of_the_two() {
        let (envoy, others) = by_need_of_envoy().unwrap();
        for name in ["envoy", "envoy_edge", "envoy_mcp", "envoy_a2a", "cases_envoy"] {
            assert!(envoy.iter().any(|known| known == name), "{name} in {envoy:?}");
        }
        for name in ["cases_native", "cases_proxy_wasm", "harness", "architecture", "approvals"] {
            assert!(others.iter().any(|known| known == name), "{name} in {others:?}");
        }
    }
}
