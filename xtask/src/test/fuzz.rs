//! The fuzz targets, a minute each. Only when asked for: together they take longer than everything else.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::stages::{Outcome, Stage, World};
use crate::artifacts::first_line;
use crate::cargo::{cargo, run};
use crate::place;
use crate::progress;

/// What `--long` adds.
pub(super) const STAGE: Stage = Stage { name: "fuzz", needs: &[], run: fuzz };

fn fuzz(_: &mut World) -> Result<Outcome> {
    if first_line(Path::new("cargo-fuzz"), "--version").is_none() {
        return Ok(Outcome::Absent(
            "cargo-fuzz is not installed (cargo install --locked cargo-fuzz)".to_owned(),
        ));
    }
    let targets = targets()?;
    for target in &targets {
        let name = format!("fuzz {target}");
        progress::step(&name, |running| {
            run(minute_of(target)?, running).map(|()| ((), "a minute, no crash".to_owned()))
        })?;
    }
    Ok(Outcome::Passed { tests: targets.len() })
}

/// One for each file.
fn targets() -> Result<Vec<String>> {
    let folder = place::root().join("fuzz").join("fuzz_targets");
    let files = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let names = files.filter_map(|file| file.ok()?.path().file_stem()?.to_str().map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    if names.is_empty() {
        bail!("{} has no targets", folder.display());
    }
    Ok(names)
}

/// Without a sanitizer, of which there is none for code without `unsafe`; and with the compiler that
/// everything else is built with, of which the instrumentation is not a stable part.
fn minute_of(target: &str) -> Result<std::process::Command> {
    let fuzz = place::root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    std::fs::create_dir_all(&corpus)?;
    let mut command = cargo(&["fuzz", "run", "--sanitizer", "none", target]);
    command.arg(corpus).arg(fuzz.join("seeds").join(target));
    command.args(["--", "-max_total_time=60", "-max_len=8192", "-timeout=10"]);
    command.env("RUSTC_BOOTSTRAP", "1").current_dir(fuzz);
    Ok(command)
}
