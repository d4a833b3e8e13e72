//! The half of `cargo xtask bench` that links the engine: `bench-native world FOLDER` writes what the
//! gateways need, `bench-native decide FOLDER ROUNDS` measures decisions without any gateway.
//!
//! A program of its own, because everybody builds xtask and few build this. Not here: medians, bars,
//! and anything of Envoy (xtask's `bench`).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a developer's tool: it has a clock, and nothing hostile reaches it"
)]

mod asking;
mod cedar;
mod clock;
mod decide;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use world::World;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-native: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["world", repository, folder] => {
            World::new(&PathBuf::from(repository))?.write(&PathBuf::from(folder))
        }
        ["decide", repository, rounds] => {
            let world = World::new(&PathBuf::from(repository))?;
            println!("{}", decide::measure(&world, rounds.parse()?)?);
            Ok(())
        }
        _ => bail!(
            "usage: bench-native world REPOSITORY FOLDER | bench-native decide REPOSITORY ROUNDS"
        ),
    }
}
