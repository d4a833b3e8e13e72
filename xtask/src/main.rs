//! `cargo xtask`: build the modules, play the demo, run every check, measure.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a developer's tool: it has a clock and an environment, and nothing hostile reaches it"
)]

mod artifacts;
mod bench;
mod cargo;
mod demo;
mod envoy;
mod example;
mod peers;
mod place;
mod progress;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What there is to do with Deputy's source.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures what Deputy costs, and holds every figure against its bar.
    Bench(bench::Options),
    /// Builds the modules into target/deputy.
    Build {
        /// Leave out the package for JavaScript hosts.
        #[arg(long)]
        no_web: bool,
    },
    /// Plays real requests of a real agent through a real gateway, and checks every answer.
    Demo(demo::Options),
    /// Writes examples/envoy-mcp/deputy.json and the Deputy block of its envoy.yaml.
    Example,
    /// Runs every check, and says what could not run.
    Test(test::Options),
}

fn main() -> ExitCode {
    let done = match Options::parse().task {
        Task::Bench(options) => bench::run(&options),
        Task::Build { no_web } => artifacts::build(!no_web),
        Task::Demo(options) => demo::run(&options),
        Task::Example => example::write(),
        Task::Test(options) => return test::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\n{} {problem:#}", console::style("error:").red().bold());
            ExitCode::FAILURE
        }
    }
}
