//! The load generator: `wrk`, sending one request again and again for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::http::{Request, at};
use crate::cargo::run;
use crate::progress;

/// `wrk` is there.
pub(super) struct Wrk(());

/// What came of a slice.
pub(super) struct Answered {
    pub(super) requests: u64,
}

impl Wrk {
    /// Finds it; on Debian, installs it if that is allowed.
    ///
    /// # Errors
    /// Says how to install it.
    pub(super) fn obtain() -> Result<Self> {
        progress::step("load generator", |running| {
            if is_there() {
                return Ok((Self(()), "wrk".to_owned()));
            }
            if is_root() {
                let mut install = Command::new("apt-get");
                install.args(["install", "--yes", "--quiet", "wrk"]);
                // If it fails, what to do is said below.
                let _failed = run(install, running);
            }
            ensure!(is_there(), "there is no load generator; fix: apt-get install wrk");
            Ok((Self(()), "wrk, just installed".to_owned()))
        })
    }

    /// Loads a port for one slice.
    ///
    /// # Errors
    /// If a single request was refused or lost.
    pub(super) fn slice(&self, script: &Script, port: u16) -> Result<Answered> {
        let output = Command::new("wrk")
            .args(["-t1", CONNECTIONS_ARGUMENT, SLICE_ARGUMENT, "-s"])
            .arg(&script.file)
            .arg(format!("http://{}{}", at(port), script.path))
            .stdin(Stdio::null())
            .output()
            .context("can't start wrk")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = said.lines().find_map(|line| line.strip_prefix(MARK)).map(str::split_whitespace);
        let numbers: Vec<u64> =
            told.into_iter().flatten().filter_map(|number| number.parse().ok()).collect();
        match numbers.as_slice() {
            [requests, 0] if *requests > 0 => Ok(Answered { requests: *requests }),
            [requests, bad] => {
                bail!("{bad} of {requests} requests to {} were refused or lost", script.path)
            }
            _ => bail!(
                "wrk did not say what came of it: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }
}

/// A request in wrk's own language.
pub(super) struct Script {
    file: PathBuf,
    path: String,
}

impl Script {
    pub(super) fn write(folder: &Path, name: &str, request: &Request) -> Result<Self> {
        // A JSON text without escapes for characters beyond ASCII is a Lua text too.
        let quoted = |text: &str| serde_json::to_string(text);
        let mut lua = format!("wrk.method = {}\n", quoted(&request.method)?);
        for (name, value) in request.headers() {
            lua.push_str(&format!("wrk.headers[{}] = {}\n", quoted(name)?, quoted(value)?));
        }
        if !request.body.is_empty() {
            lua.push_str(&format!("wrk.body = {}\n", quoted(&request.body)?));
        }
        lua.push_str(&format!(
            "done = function(summary, latency, requests)\n  local e = summary.errors\n  \
             print(string.format(\"{MARK}%d %d\", summary.requests, e.connect + e.read + e.write + e.status + e.timeout))\n\
             end\n"
        ));
        let file = folder.join(format!("{name}.lua"));
        fs::write(&file, lua).with_context(|| format!("can't write {}", file.display()))?;
        Ok(Self { file, path: request.path.clone() })
    }
}

fn is_there() -> bool {
    // Without a URL it says how it is used, and that it failed.
    Command::new("wrk").arg("-v").stdin(Stdio::null()).output().is_ok()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stdin(Stdio::null()).output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

const MARK: &str = "deputy-bench ";
/// Enough to keep one worker busy, few enough that none waits long.
pub(super) const CONNECTIONS: u64 = 16;
const CONNECTIONS_ARGUMENT: &str = "-c16";
/// Many thousand requests: against them the grain of `/proc` (10 ms) is small.
const SLICE_ARGUMENT: &str = "-d1s";
