//! `cargo xtask example`: writes the parts of `examples/envoy-mcp`, `envoy-http` and `envoy-a2a` that follow
//! from other parts.
//!
//! `deputy.json` is `deputy.template.json` with the policies of `orders.cedar` or `travel.cedar` in it; the
//! Deputy block of `envoy.yaml` is `deputy.json` word for word. A test keeps both fresh.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::place;
use crate::progress;

const NO_FILES: &str = r#""files": []"#;
const BLOCK: &str = "                  value: |\n";
const INDENT: &str = "                    ";
const AFTER_BLOCK: &str = "          # --- Deputy ends";

/// An example: where it is, and the file with its policies.
struct Example {
    folder: PathBuf,
    policies: &'static str,
}

fn examples() -> [Example; 3] {
    let beside = |name| place::example().with_file_name(name);
    [
        Example { folder: place::example(), policies: "orders.cedar" },
        Example { folder: beside("envoy-http"), policies: "orders.cedar" },
        Example { folder: beside("envoy-a2a"), policies: "travel.cedar" },
    ]
}

/// The derived files.
struct Derived {
    deputy_json: String,
    envoy_yaml: String,
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
    for example in examples() {
        let derived = example.derive()?;
        for (name, text) in
            [("deputy.json", &derived.deputy_json), ("envoy.yaml", &derived.envoy_yaml)]
        {
            let path = example.folder.join(name);
            if !fs::read_to_string(&path).is_ok_and(|old| &old == text) {
                fs::write(&path, text)
                    .with_context(|| format!("can't write {}", path.display()))?;
                progress::done(name, "written anew: its policies or deputy.template.json changed");
                written += 1;
            }
        }
    }
    Ok(written)
}

impl Example {
    /// Both files as they should be.
    fn derive(&self) -> Result<Derived> {
        let template = self.read("deputy.template.json")?;
        ensure!(
            template.matches(NO_FILES).count() == 1,
            "deputy.template.json must have `{NO_FILES}` once, for the policies"
        );
        let text = serde_json::to_string(&self.read(self.policies)?)?;
        let files = format!(r#""files": [{{ "name": "{}", "text": {text} }}]"#, self.policies);
        let deputy_json = template.replace(NO_FILES, &files);
        let _: serde_json::Value =
            serde_json::from_str(&deputy_json).context("deputy.template.json is not JSON")?;
        let envoy_yaml = with_configuration(&self.read("envoy.yaml")?, &deputy_json)?;
        Ok(Derived { deputy_json, envoy_yaml })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_fresh() {
        for example in examples() {
            let derived = example.derive().unwrap();
            let hint = "run `cargo xtask example`";
            assert_eq!(example.read("deputy.json").unwrap(), derived.deputy_json, "{hint}");
            assert_eq!(example.read("envoy.yaml").unwrap(), derived.envoy_yaml, "{hint}");
        }
    }
}
