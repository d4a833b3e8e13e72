//! `deputy routes`: the route table (`http`), from what an API says of itself.

mod openapi;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Subcommand;
use deputy_engine::check_bundle;

use crate::files;
use openapi::{Operation, Wrong};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Reads an OpenAPI document (3.x, JSON) and writes a route for each operation: `operationId` is the
    /// action. The same document makes the same bytes. A route permits nothing; policies do.
    Import {
        /// The document. YAML becomes JSON with `yq -o=json`.
        document: PathBuf,
        /// What the paths of the document begin with at the gateway, such as /v1; from `servers`, if left out.
        #[arg(long, value_name = "PATH")]
        base_path: Option<String>,
        /// Where to write the routes: `http.json` in the folder of a bundle, or what goes under `http`.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    let Command::Import { document, base_path, out } = command;
    let found = openapi::read(&files::json(&document)?, base_path.as_deref());
    let mut problems = found.problems;
    let routes: Vec<_> = found.operations.iter().map(Operation::route).collect();
    problems.extend(held_against_the_engine(&found.operations, &routes));
    if routes.is_empty() && problems.is_empty() {
        problems.push(Wrong::new("/paths", "has no operation; there is nothing to serve"));
    }
    for Wrong { pointer, message } in &problems {
        eprintln!("error: {}: {pointer}: {message}", document.display());
    }
    if !problems.is_empty() {
        let (count, noun) =
            (problems.len(), if problems.len() == 1 { "problem" } else { "problems" });
        bail!("{count} {noun} in {}; nothing was written", document.display());
    }
    write(&routes, &out)
}

fn write(routes: &[String], out: &Path) -> anyhow::Result<()> {
    files::write(out, &format!("[\n  {}\n]\n", routes.join(",\n  ")))?;
    let noun = if routes.len() == 1 { "route" } else { "routes" };
    println!("wrote {}: {} {noun}", out.display(), routes.len());
    println!("each action is permitted by nobody until a policy does: Action::\"…\" in a permit");
    Ok(())
}

/// What a gateway would say of these routes, each at the operation it comes from.
fn held_against_the_engine(operations: &[Operation], routes: &[String]) -> Vec<Wrong> {
    let contents = format!(r#"{{"policies":[],"http":[{}]}}"#, routes.join(","));
    let Err(problems) = check_bundle(contents.as_bytes()) else { return Vec::new() };
    let pointer = |index: &str| {
        let operation = operations.get(index.parse::<usize>().ok()?)?;
        Some(operation.pointer.clone())
    };
    let at = |path: &str| pointer(path.strip_prefix("http[")?.split(']').next()?);
    let named = |message: &str| {
        // Another route, as the engine names it.
        let mut text = message.to_owned();
        for (i, operation) in operations.iter().enumerate() {
            text = text.replace(&format!("http[{i}].path"), &operation.pointer);
        }
        text
    };
    let wrong = problems.iter().map(|problem| Wrong {
        pointer: at(&problem.path).unwrap_or_else(|| problem.path.clone()),
        message: named(&problem.message),
    });
    wrong.collect()
}
