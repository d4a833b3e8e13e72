//! `deputy-bench-vm`: the module in the test host on wasmtime, measured by a program of its own.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::sample::Sample;
use crate::cargo::{cargo, run};
use crate::place;
use crate::progress::Running;

/// Samples by what they are of; of companies, `what size`.
pub(super) type Measured = BTreeMap<String, Sample>;

/// The program, built.
pub(super) fn program(running: &Running) -> Result<Command> {
    running.doing("building");
    run(cargo(&["build", "--package", "deputy-host-tests", "--bin", "deputy-bench-vm"]), running)?;
    Ok(Command::new(place::target().join("debug/deputy-bench-vm")))
}

/// What a measurement prints.
pub(super) fn measured(measure: &mut Command) -> Result<Measured> {
    let output = measure.output().context("can't start a measurement")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let measured: BTreeMap<String, Vec<f64>> = serde_json::from_slice(&output.stdout)?;
    Ok(measured.into_iter().map(|(subject, numbers)| (subject, Sample(numbers))).collect())
}
