//! Everything the measurements share, built and written: modules, configurations, requests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::http::Request;
use crate::cargo::{cargo, run};
use crate::{artifacts, place, progress};

/// Built, and in one folder.
pub(super) struct World {
    pub(super) folder: PathBuf,
    /// Deputy's module.
    pub(super) module: PathBuf,
    pub(super) cedar_alone: PathBuf,
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
        let world = Self {
            folder: place::out().join("bench"),
            module,
            cedar_alone: cedar_alone()?,
            native: native()?,
        };
        fs::create_dir_all(&world.folder)
            .with_context(|| format!("can't make {}", world.folder.display()))?;
        progress::step("world", |running| {
            let mut write = Command::new(&world.native);
            write.arg("world").arg(place::root()).arg(&world.folder);
            run(write, running)?;
            Ok((
                (),
                "the example's agents, tools and policies, and a token of refund-bot for dana"
                    .to_owned(),
            ))
        })?;
        Ok(world)
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

/// The module of Cedar alone, a crate outside the workspace.
fn cedar_alone() -> Result<PathBuf> {
    progress::step("cedar-alone", |running| {
        let mut build =
            cargo(&["build", "--locked", "--profile", "plugin", "--target", "wasm32-wasip1"]);
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
