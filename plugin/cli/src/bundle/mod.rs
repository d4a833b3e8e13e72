//! `deputy bundle`: build, sign, inspect, verify.

mod build;
mod sign;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;
use deputy_engine::model::Timestamp;

use crate::time;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Reads a folder, holds it against every rule, and writes what is to be signed. The same folder
    /// makes the same bytes.
    Build {
        /// The folder: `*.cedar`, and a JSON file for each section (`agents.json`, `tools.json`, …),
        /// however deep; `schema`, `tests` and `proofs` at its top are left out.
        folder: PathBuf,
        /// Where to write the contents.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Take warnings for what they are; otherwise they count as errors.
        #[arg(long)]
        allow_warnings: bool,
    },
    /// Signs what `build` has written.
    Sign {
        /// What `build` has written.
        contents: PathBuf,
        /// The private key of `deputy keys new`.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Its number; gateways refuse a lower one than they have.
        #[arg(long)]
        revision: u64,
        /// For how long it counts: 7d, 12h, 30m.
        #[arg(long, value_name = "DURATION", value_parser = time::duration)]
        valid_for: u64,
        /// When it is issued; now, if left out.
        #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
        issued_at: Option<Timestamp>,
        /// The bundle before: the new one has to follow it as gateways demand.
        #[arg(long, value_name = "FILE")]
        after: Option<PathBuf>,
        /// Where to write the bundle.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Shows what is in a bundle, without checking who signed it.
    Inspect {
        /// The bundle.
        bundle: PathBuf,
        /// Prints the contents as JSON instead.
        #[arg(long)]
        json: bool,
    },
    /// Checks a bundle as a gateway does.
    Verify {
        /// The bundle.
        bundle: PathBuf,
        /// The public keys (JWK Set), as in `bundle.keys` of the gateways.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// At which instant; now, if left out.
        #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
        at: Option<Timestamp>,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Build { folder, out, allow_warnings } => build::run(&folder, &out, allow_warnings),
        Command::Sign { contents, key, revision, valid_for, issued_at, after, out } => {
            let issued_at = issued_at.unwrap_or_else(time::now);
            let term = (issued_at, time::later(issued_at, valid_for)?);
            sign::run(&contents, &key, (revision, term), after.as_deref(), &out)
        }
        Command::Inspect { bundle, json } => verify::inspect(&bundle, json),
        Command::Verify { bundle, keys, at } => {
            verify::run(&bundle, &keys, at.unwrap_or_else(time::now))
        }
    }
}
