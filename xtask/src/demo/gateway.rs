//! The gateway under the plugin: the real Envoy, or the embedded proxy-wasm host.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::stage::{Ports, at, log};
use crate::envoy::{self, Envoy};
use crate::{artifacts, example, place, progress};

/// Which host the module runs in.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// Envoy, with the example's own configuration.
    Envoy,
    /// The host of Deputy's tests, on wasmtime.
    Embedded,
}

/// A host that is there.
pub(crate) enum Gateway {
    Envoy(Envoy),
    Embedded,
}

impl Gateway {
    /// The host asked for; without a wish, Envoy if it can be had.
    pub(crate) fn obtain(choice: Option<Choice>) -> Result<Self> {
        if choice == Some(Choice::Embedded) {
            return Ok(Self::Embedded);
        }
        let found = progress::step("envoy", |running| match (envoy::obtain(running), choice) {
            (Ok(envoy), _) => {
                let said = format!("{} at {}", envoy.version, place::shown(&envoy.program));
                Ok((Some(envoy), said))
            }
            (Err(problem), Some(Choice::Envoy)) => Err(problem),
            (Err(problem), _) => {
                Ok((None, format!("can't be had ({problem}); using the embedded host")))
            }
        })?;
        Ok(found.map_or(Self::Embedded, Self::Envoy))
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Envoy(envoy) => format!("Envoy {}", envoy.version),
            Self::Embedded => "embedded host (wasmtime)".to_owned(),
        }
    }

    /// What has to be built for it.
    pub(crate) fn build(&self) -> Result<()> {
        match self {
            Self::Envoy(_) => Ok(()),
            Self::Embedded => progress::step("embedded host", |running| {
                artifacts::programs(&["deputy-host-tests"], running)?;
                Ok(((), "deputy-devhost".to_owned()))
            }),
        }
    }

    /// Where the receipts are written, one line each.
    pub(crate) fn receipts(&self, folder: &Path) -> std::path::PathBuf {
        match self {
            Self::Envoy(_) => log(folder, "gateway"),
            Self::Embedded => folder.join("receipts.jsonl"),
        }
    }

    /// How it is started.
    pub(super) fn command(&self, folder: &Path, ports: Ports) -> Result<Command> {
        match self {
            Self::Envoy(envoy) => envoy_command(envoy, folder, ports),
            Self::Embedded => {
                let mut command = Command::new(place::program("deputy-devhost"));
                command.arg("--module").arg(place::module());
                command.arg("--config").arg(folder.join("deputy.json"));
                command.arg("--listen").arg(at(ports.gateway));
                command.arg("--upstream").arg(format!("http://{}", at(ports.orders)));
                command.arg("--cluster").arg(format!("idp=http://{}", at(ports.issuer)));
                command.arg("--cluster").arg(format!("approvals=http://{}", at(ports.approvals)));
                command.arg("--receipts").arg(self.receipts(folder));
                Ok(command)
            }
        }
    }
}

/// The example's own configuration, with free ports, the module's place, and Deputy's configuration as
/// this demo has it: nothing else differs.
fn envoy_command(envoy: &Envoy, folder: &Path, ports: Ports) -> Result<Command> {
    let path = place::example().join("envoy.yaml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let text = ports.put_into(&text)?;
    let deputy = fs::read_to_string(folder.join("deputy.json"))?;
    let text = example::with_configuration(&text, &deputy)?;
    let text =
        text.replace("../../target/deputy/deputy.wasm", &place::module().display().to_string());
    if !text.contains(&place::module().display().to_string()) {
        bail!("examples/envoy-mcp/envoy.yaml no longer names ../../target/deputy/deputy.wasm");
    }
    let here = folder.join("envoy.yaml");
    fs::write(&here, text)?;
    let mut command = Command::new(&envoy.program);
    command.arg("-c").arg(here).args(["--concurrency", "2", "--log-level", "info"]);
    // No shared memory to leave behind; access log lines at once.
    command.args(["--disable-hot-restart", "--file-flush-interval-msec", "50"]);
    Ok(command)
}
