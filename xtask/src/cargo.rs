//! Cargo, run for a step: its last line is shown, all of it is told if it fails.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::place;
use crate::progress::Running;

/// The cargo that runs us, in the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(place::root());
    // What cargo tells a package about itself is not true of the packages built from here.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// What cargo says while all goes well; not what went wrong.
const PROGRESS: [&str; 6] =
    ["Compiling ", "Checking ", "Downloading ", "Downloaded ", "Locking ", "Updating "];

/// Runs a command to its end; what it writes to standard error is shown as it comes, a line at a time.
///
/// # Errors
/// With everything it said, if it fails.
pub(crate) fn run(mut command: Command, running: &Running) -> Result<()> {
    let shown = shown(&command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't start {shown}"))?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            running.doing(line.trim());
            if !PROGRESS.iter().any(|word| line.trim_start().starts_with(word)) {
                said.push(line);
            }
        }
    }
    if !child.wait()?.success() {
        bail!("{shown}\n\n{}", said.join("\n"));
    }
    Ok(())
}

/// As a person would have typed it: without folder, environment and the program's whole path.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
