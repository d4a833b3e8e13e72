//! Everything the measurements share, built and written: modules, configurations, requests.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::http::Request;
use super::sample::Sample;
use crate::cargo::{cargo, run};
use crate::{artifacts, place, progress};

/// Built, and in one folder.
pub(super) struct World {
    pub(super) folder: PathBuf,
    /// Deputy's module.
    pub(super) module: PathBuf,
    /// The program `bench-native`.
    pub(super) native: PathBuf,
}

impl World {
    pub(super) fn build() -> Result<Self> {
        artifacts::wasm_targets(&["wasm32-wasip1"])?;
        let module = match std::env::var_os("DEPUTY_WASM") {
            Some(named) => PathBuf::from(named),
            None => artifacts::plugin()?,
        };
        let world = Self { folder: place::out().join("bench"), module, native: native()? };
        fs::create_dir_all(&world.folder)
            .with_context(|| format!("can't make {}", world.folder.display()))?;
        world.write(
            "world",
            "the example's agents, tools and policies, a token of refund-bot for dana",
        )?;
        Ok(world)
    }

    /// Has `bench-native` write more into the folder: what it calls `what`.
    pub(super) fn write(&self, what: &'static str, says: &str) -> Result<()> {
        progress::step(what, |running| {
            let mut write = Command::new(&self.native);
            write.arg(what).arg(place::root()).arg(&self.folder);
            run(write, running)?;
            Ok(((), says.to_owned()))
        })
    }

    /// What `bench-native` measures: microseconds in each round, by subject.
    pub(super) fn measured(&self, what: &'static str, rounds: u32) -> Result<Measured> {
        let measured = progress::step(what, |_| {
            let output = Command::new(&self.native)
                .arg(what)
                .arg(place::root())
                .arg(rounds.to_string())
                .output()
                .context("can't start bench-native")?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let measured: BTreeMap<String, Vec<f64>> = serde_json::from_slice(&output.stdout)?;
            Ok((measured, format!("in {rounds} rounds, without a gateway")))
        })?;
        Ok(Measured(measured))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn read(&self, name: &str) -> Result<String> {
        let path = self.file(name);
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }

    /// One of the requests that everything is measured with.
    pub(super) fn request(&self, name: &str) -> Result<Request> {
        Request::from_json(&self.read(&format!("{name}.json"))?)
    }
}

/// What `bench-native` has measured.
pub(super) struct Measured(BTreeMap<String, Vec<f64>>);

impl Measured {
    /// Microseconds of that subject.
    pub(super) fn micros(&self, subject: &str) -> Result<Sample> {
        let micros = self.0.get(subject).cloned();
        micros.map(Sample).with_context(|| format!("bench-native did not measure {subject}"))
    }
}

/// The module of Cedar alone, a crate outside the workspace.
pub(super) fn cedar_alone() -> Result<PathBuf> {
    progress::step("cedar-alone", |running| {
        let arguments = ["--locked", "--target", "wasm32-wasip1"];
        let mut build = artifacts::module_build(&arguments, running)?;
        build
            .arg("--manifest-path")
            .arg(place::root().join("host-tests/benches/cedar-alone/Cargo.toml"));
        build.arg("--target-dir").arg(place::target());
        run(build, running)?;
        let module = place::target().join("wasm32-wasip1/plugin/cedar_alone.wasm");
        Ok((module.clone(), place::shown(&module)))
    })
}

fn native() -> Result<PathBuf> {
    progress::step("bench-native", |running| {
        let arguments = [
            "build",
            "--release",
            "--package",
            "xtask",
            "--features",
            "bench",
            "--bin",
            "bench-native",
        ];
        run(cargo(&arguments), running)?;
        let program = place::target().join("release/bench-native");
        Ok((program.clone(), place::shown(&program)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The yardstick is worth nothing if it is another Cedar, or built in another way.
    #[test]
    fn cedar_alone_is_the_cedar_of_the_module_and_built_like_it() {
        let read = |path: &str| fs::read_to_string(place::root().join(path)).unwrap();
        let (workspace, alone) =
            (read("Cargo.toml"), read("host-tests/benches/cedar-alone/Cargo.toml"));
        let cedar = |text: &str| {
            text.lines().find(|line| line.starts_with("cedar-policy = ")).map(str::to_owned)
        };
        assert!(cedar(&workspace).is_some());
        assert_eq!(cedar(&workspace), cedar(&alone));
        let profile = |text: &str| {
            let (_, rest) = text.split_once("[profile.plugin]\n").unwrap();
            rest.lines()
                .take_while(|line| line.contains('='))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(profile(&workspace), profile(&alone));
    }
}
