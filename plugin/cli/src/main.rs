//! `deputy`: what an operator does beside the gateways: write policies and the registry into one signed
//! document, sign what is revoked, and look into either.
//!
//! Every rule about the contents is the engine's; this reads folders, signs, and prints. It ends with 0
//! if all is well, 1 if not, 2 if it was called wrongly.

#![allow(
    clippy::indexing_slicing,
    reason = "of serde_json values only: a member that is not there reads as null"
)]

mod bundle;
mod document;
mod files;
mod keys;
mod lines;
mod revocations;
mod routes;
mod time;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, signs and inspects what Deputy decides by.
#[derive(Parser)]
#[command(name = "deputy", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Policies, registry, tools and revocations in one signed document.
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// What no longer counts, in a small signed list that gateways poll every few seconds.
    #[command(subcommand)]
    Revocations(revocations::Command),
    /// Routes for the HTTP operations of an API.
    #[command(subcommand)]
    Routes(routes::Command),
    /// The tools of an MCP server, pinned.
    #[command(subcommand)]
    Tools(tools::Command),
    /// Keys that sign both.
    #[command(subcommand)]
    Keys(keys::Command),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Bundle(command) => bundle::run(command),
        Command::Revocations(command) => revocations::run(command),
        Command::Routes(command) => routes::run(command),
        Command::Tools(command) => tools::run(command),
        Command::Keys(command) => keys::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}
