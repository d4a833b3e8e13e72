//! `cargo xtask example`: writes the parts of `examples/envoy-mcp` and `envoy-http` that follow from other parts.
//!
//! `deputy.json` is `deputy.template.json` with the policies of `orders.cedar` in it; the Deputy block
//! of `envoy.yaml` is `deputy.json` word for word. A test keeps both fresh.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::place;
use crate::progress;

const NO_FILES: &str = r#""files": []"#;
const BLOCK: &str = "                  value: |\n";
const INDENT: &str = "                    ";
const AFTER_BLOCK: &str = "          # --- Deputy ends";

/// The derived files.
pub(crate) struct Derived {
    pub(crate) deputy_json: String,
    pub(crate) envoy_yaml: String,
}

/// `cargo xtask example`.
pub(crate) fn write() -> Result<()> {
    if write_stale()? == 0 {
        progress::done("example", "deputy.json and envoy.yaml are fresh");
    }
    Ok(())
}

/// Writes what is no longer fresh, and says so; how many files that were.
pub(crate) fn write_stale() -> Result<usize> {
    let mut written = 0;
    for folder in folders() {
        let Derived { deputy_json, envoy_yaml } = derive(&folder)?;
        for (name, text) in [("deputy.json", &deputy_json), ("envoy.yaml", &envoy_yaml)] {
            let path = folder.join(name);
            if !fs::read_to_string(&path).is_ok_and(|old| &old == text) {
                fs::write(&path, text)
                    .with_context(|| format!("can't write {}", path.display()))?;
                progress::done(name, "written anew: orders.cedar or deputy.template.json changed");
                written += 1;
            }
        }
    }
    Ok(written)
}

/// Both files as they should be.
fn derive(folder: &Path) -> Result<Derived> {
    let template = read(folder, "deputy.template.json")?;
    ensure!(
        template.matches(NO_FILES).count() == 1,
        "deputy.template.json must have `{NO_FILES}` once, for the policies"
    );
    let text = serde_json::to_string(&read(folder, "orders.cedar")?)?;
    let files = format!(r#""files": [{{ "name": "orders.cedar", "text": {text} }}]"#);
    let deputy_json = template.replace(NO_FILES, &files);
    let _: serde_json::Value =
        serde_json::from_str(&deputy_json).context("deputy.template.json is not JSON")?;
    let envoy_yaml = with_configuration(&read(folder, "envoy.yaml")?, &deputy_json)?;
    Ok(Derived { deputy_json, envoy_yaml })
}

/// The Envoy configuration with another configuration of Deputy in it.
pub(crate) fn with_configuration(envoy_yaml: &str, deputy_json: &str) -> Result<String> {
    let block: String = deputy_json.lines().map(|line| format!("{INDENT}{line}\n")).collect();
    with_block(envoy_yaml, &block)
}

fn with_block(envoy: &str, block: &str) -> Result<String> {
    let parts = envoy
        .split_once(BLOCK)
        .and_then(|(before, rest)| Some((before, rest.split_once(AFTER_BLOCK)?)));
    let (before, (_old, after)) = parts
        .context("envoy.yaml has lost the lines that mark where Deputy's configuration stands")?;
    Ok(format!("{before}{BLOCK}{block}{AFTER_BLOCK}{after}"))
}

/// The examples whose configuration has policies of a file of their own in it.
fn folders() -> [PathBuf; 2] {
    [place::example(), place::example().with_file_name("envoy-http")]
}

fn read(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_fresh() {
        for folder in folders() {
            let derived = derive(&folder).unwrap();
            let hint = "run `cargo xtask example`";
            assert_eq!(read(&folder, "deputy.json").unwrap(), derived.deputy_json, "{hint}");
            assert_eq!(read(&folder, "envoy.yaml").unwrap(), derived.envoy_yaml, "{hint}");
        }
    }
}
