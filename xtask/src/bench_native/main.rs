//! The half of `cargo xtask bench` that links the engine. For the group `core`: `world` writes what the
//! gateways need, `decide` measures decisions without any gateway. For `identity` likewise: `identities`
//! and `prove`; `proofs` writes DPoP proofs, which are good for a minute. For `protocols`: `protocols` and `read`,
//! which takes the name of one subject too, for whoever profiles it. For `approval`: `approvals` and `count`,
//! likewise. For `authority`:
//! `companies` and `authorize`, of the sizes that are named, and `revisions` of one of them.
//!
//! A program of its own, because everybody builds xtask and few build this. Not here: medians, bars,
//! and anything of Envoy (xtask's `bench`).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a developer's tool: it has a clock, and nothing hostile reaches it"
)]

mod approvals;
mod asking;
mod authority;
mod cedar;
mod clock;
mod decide;
mod identities;
mod protocols;
mod prove;
mod signing;
mod subject;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use authority::Size;
use identities::Identities;
use protocols::Protocols;
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
        ["identities", repository, folder] => {
            Identities::new(&PathBuf::from(repository))?.write(&PathBuf::from(folder))
        }
        ["proofs", folder, name, count] => {
            identities::write_proofs(&PathBuf::from(folder), name, count.parse()?)
        }
        ["prove", repository, rounds] => {
            let identities = Identities::new(&PathBuf::from(repository))?;
            println!("{}", prove::measure(&identities, rounds.parse()?)?);
            Ok(())
        }
        ["protocols", repository, folder] => {
            Protocols::new(&PathBuf::from(repository))?.write(&PathBuf::from(folder))
        }
        ["approvals", repository, folder] => {
            approvals::write_all(&PathBuf::from(repository), &PathBuf::from(folder))
        }
        ["count", repository, rounds] => {
            let repository = PathBuf::from(repository);
            println!("{}", approvals::measure(&repository, rounds.parse()?, |_| true)?);
            Ok(())
        }
        ["count", repository, rounds, only] => {
            let repository = PathBuf::from(repository);
            println!("{}", approvals::measure(&repository, rounds.parse()?, |name| name == *only)?);
            Ok(())
        }
        ["read", repository, rounds] => {
            let protocols = Protocols::new(&PathBuf::from(repository))?;
            println!("{}", protocols.measure(rounds.parse()?, |_| true)?);
            Ok(())
        }
        ["read", repository, rounds, only] => {
            let protocols = Protocols::new(&PathBuf::from(repository))?;
            println!("{}", protocols.measure(rounds.parse()?, |name| name == *only)?);
            Ok(())
        }
        ["companies", repository, folder, sizes @ ..] => authority::write_all(
            &PathBuf::from(repository),
            &PathBuf::from(folder),
            &sizes.iter().map(|size| Size::parse(size)).collect::<Result<Vec<_>>>()?,
        ),
        ["revisions", repository, folder, size, count] => authority::write_revisions(
            &PathBuf::from(repository),
            &PathBuf::from(folder),
            Size::parse(size)?,
            count.parse()?,
        ),
        ["authorize", repository, rounds, sizes @ ..] => {
            let sizes: Vec<_> =
                sizes.iter().map(|size| Size::parse(size)).collect::<Result<_>>()?;
            println!(
                "{}",
                authority::measure(&PathBuf::from(repository), &sizes, rounds.parse()?)?
            );
            Ok(())
        }
        _ => bail!(
            "usage: bench-native (world|identities|protocols|approvals) REPOSITORY FOLDER | (decide|prove|read|count) REPOSITORY ROUNDS \
             | (read|count) REPOSITORY ROUNDS SUBJECT | proofs FOLDER NAME COUNT | companies REPOSITORY FOLDER SIZE… \
             | authorize REPOSITORY ROUNDS SIZE… | revisions REPOSITORY FOLDER SIZE COUNT"
        ),
    }
}
