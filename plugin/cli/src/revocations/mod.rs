//! `deputy revocations`: the signed list that gateways poll, for what must count within seconds.

mod list;
mod sign;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use deputy_engine::PublishedRevocations;
use deputy_engine::model::{PrincipalId, Timestamp};

use crate::{document, files, time};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Signs a list, for `revocation_feed` of the gateways: what a file says, what the list before it
    /// says, what is named here, all together.
    Sign(Box<Sign>),
    /// Shows what is in a signed list, without checking who signed it.
    Inspect {
        /// The signed list.
        list: PathBuf,
        /// Prints the contents as JSON instead.
        #[arg(long)]
        json: bool,
    },
    /// Checks a signed list as a gateway does.
    Verify {
        /// The signed list.
        list: PathBuf,
        /// The public keys (JWK Set), as in `revocation_feed.keys` of the gateways.
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// At which instant; now, if left out.
        #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
        at: Option<Timestamp>,
    },
}

#[derive(Args)]
pub(crate) struct Sign {
    /// A JSON object as the section `revocations` of a bundle. What an earlier list has and this has
    /// not counts again; without it, what the list before has goes on counting.
    list: Option<PathBuf>,
    #[command(flatten)]
    named: Named,
    /// The private key of `deputy keys new`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Its number; gateways refuse a lower one than they have. With `--after`, one more than that one's
    /// if left out.
    #[arg(long, required_unless_present = "after")]
    revision: Option<u64>,
    /// For how long it counts: 7d, 12h, 30m. When it is over, gateways refuse every request.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    valid_for: u64,
    /// When it is issued; now, if left out.
    #[arg(long, value_name = "INSTANT", value_parser = time::instant)]
    issued_at: Option<Timestamp>,
    /// The signed list before: the new one has to follow it as gateways demand.
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
    /// Where to write the signed list; it may be the one before.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What is revoked by name, beside a file or without one. Each may be given several times.
#[derive(Args)]
pub(crate) struct Named {
    /// An agent, by its id or its SPIFFE id.
    #[arg(long = "agent", value_name = "ID", value_parser = principal)]
    agents: Vec<String>,
    /// A human: nobody acts for them any more.
    #[arg(long = "delegator", value_name = "ID", value_parser = principal)]
    delegators: Vec<String>,
    /// A human's id or a team's name: all agents they own.
    #[arg(long = "owner", value_name = "OWNER")]
    owners: Vec<String>,
    /// What one agent may do for one human.
    #[arg(long = "delegation", num_args = 2, value_names = ["AGENT", "DELEGATOR"], value_parser = principal)]
    delegations: Vec<String>,
    /// One token, by its issuer and its `jti`.
    #[arg(long = "token", num_args = 2, value_names = ["ISSUER", "JTI"])]
    tokens: Vec<String>,
    /// A key, by its RFC 7638 thumbprint (of a certificate that a token is bound to, its `x5t#S256`).
    #[arg(long = "key-thumbprint", value_name = "THUMBPRINT")]
    keys: Vec<String>,
    /// An issuer: all of its tokens.
    #[arg(long = "issuer", value_name = "ISSUER")]
    issuers: Vec<String>,
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Sign(sign) => sign::run(&sign),
        Command::Inspect { list, json } => {
            document::inspect(&list, "revocations", json, |contents| {
                list::summary(&contents["revocations"])
            })
        }
        Command::Verify { list, keys, at } => {
            let (text, keys) = (files::read(&list)?, files::read(&keys)?);
            let opened = PublishedRevocations::open(text.trim_end().as_bytes(), keys.as_bytes());
            let opened = opened.map_err(|e| anyhow::anyhow!("{}: {e}", list.display()))?;
            document::not_over(&list, opened.expires(), at.unwrap_or_else(time::now))?;
            println!("{} is good", list.display());
            document::print(opened.revision(), opened.issued_at(), opened.expires());
            Ok(())
        }
    }
}

fn principal(text: &str) -> Result<String, String> {
    PrincipalId::parse(text).map(|_| text.to_owned()).map_err(|e| e.to_string())
}
