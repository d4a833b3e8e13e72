//! The load generator: `wrk`, sending one request again and again for a while, or many in turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::http::{Request, at};
use crate::cargo::run;
use crate::progress;

/// `wrk` is there.
pub(super) struct Wrk(());

/// What came of a slice.
pub(super) struct Answered {
    pub(super) requests: u64,
    /// What 99 of 100 requests did not exceed.
    pub(super) p99_micros: u64,
}

/// How hard, and for how long.
pub(super) struct Load {
    pub(super) connections: u64,
    pub(super) seconds: u64,
}

/// As fast as one worker can, for long enough that the grain of `/proc` (10 ms) is small against it.
pub(super) const FULL: Load = Load { connections: CONNECTIONS, seconds: 1 };

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
    /// If a single request was lost, or answered in another way than the script expects.
    pub(super) fn slice(&self, script: &Script, port: u16) -> Result<Answered> {
        self.start(script, port, &FULL)?.finish()
    }

    /// Begins to load a port; somebody else may be loading it too.
    pub(super) fn start<'s>(
        &self,
        script: &'s Script,
        port: u16,
        load: &Load,
    ) -> Result<Loading<'s>> {
        let child = Command::new("wrk")
            .arg("-t1")
            .arg(format!("-c{}", load.connections))
            .arg(format!("-d{}s", load.seconds))
            .arg("-s")
            .arg(&script.file)
            .arg(format!("http://{}{}", at(port), script.path))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("can't start wrk")?;
        Ok(Loading { child, script })
    }
}

/// A slice under way.
pub(super) struct Loading<'s> {
    child: Child,
    script: &'s Script,
}

impl Loading<'_> {
    /// Waits for its end; see [`Wrk::slice`].
    pub(super) fn finish(self) -> Result<Answered> {
        let Script { path, expected, .. } = self.script;
        let output = self.child.wait_with_output().context("can't wait for wrk")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = said.lines().find_map(|line| line.strip_prefix(MARK)).map(str::split_whitespace);
        let numbers: Vec<u64> =
            told.into_iter().flatten().filter_map(|number| number.parse().ok()).collect();
        let [requests, refused, lost, p99_micros] = numbers.as_slice() else {
            bail!(
                "wrk did not say what came of it: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let as_expected = match expected {
            Expected::Passed => *refused == 0,
            Expected::Refused => refused == requests,
        };
        ensure!(
            as_expected && *lost == 0 && *requests > 0,
            "of {requests} requests to {path} {refused} were refused and {lost} lost"
        );
        Ok(Answered { requests: *requests, p99_micros: *p99_micros })
    }
}

/// What must come of every single request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Passed,
    Refused,
}

/// Requests in wrk's own language.
pub(super) struct Script {
    file: PathBuf,
    path: String,
    expected: Expected,
}

impl Script {
    /// The same request again and again.
    pub(super) fn write(folder: &Path, name: &str, request: &Request) -> Result<Self> {
        Self::of(folder, name, request, "")
    }

    /// The request with one line after the other of a file, from the beginning again after the last;
    /// between tabs are the values of these headers. The next slice goes on where this one ends.
    pub(super) fn of_lines(
        folder: &Path,
        name: &str,
        request: &Request,
        (lines, headers): (&str, &[&str]),
    ) -> Result<Self> {
        let quoted = |file: &Path| serde_json::to_string(file);
        let lines = quoted(&folder.join(lines))?;
        let position = quoted(&folder.join(format!("{name}.position")))?;
        let headers = headers.iter().map(|header| format!("\"{header}\"")).collect::<Vec<_>>();
        let headers = headers.join(", ");
        let more =
            format!("local lines, position, names = {lines}, {position}, {{{headers}}}\n{LINES}");
        Self::of(folder, name, request, &more)
    }

    /// Refused is what every request has to be.
    pub(super) fn refused(self) -> Self {
        Self { expected: Expected::Refused, ..self }
    }

    /// Each connection waits between two requests, from so many milliseconds to so many.
    pub(super) fn paced(self, (least, most): (u64, u64)) -> Result<Self> {
        let pace = format!("delay = function() return math.random({least}, {most}) end\n");
        let lua = fs::read_to_string(&self.file)? + &pace;
        fs::write(&self.file, lua)?;
        Ok(self)
    }

    fn of(folder: &Path, name: &str, request: &Request, more: &str) -> Result<Self> {
        // A JSON text without escapes for characters beyond ASCII is a Lua text too.
        let quoted = |text: &str| serde_json::to_string(text);
        let mut lua = format!("wrk.method = {}\n", quoted(&request.method)?);
        for (name, value) in request.headers() {
            lua.push_str(&format!("wrk.headers[{}] = {}\n", quoted(name)?, quoted(value)?));
        }
        if !request.body.is_empty() {
            lua.push_str(&format!("wrk.body = {}\n", quoted(&request.body)?));
        }
        lua.push_str(more);
        lua.push_str(&format!(
            "done = function(summary, latency, requests)\n  local e = summary.errors\n  \
             print(string.format(\"{MARK}%d %d %d %d\", summary.requests, e.status, \
             e.connect + e.read + e.write + e.timeout, latency:percentile(99)))\n  \
             if ended then ended() end\nend\n"
        ));
        let file = folder.join(format!("{name}.lua"));
        fs::write(&file, lua).with_context(|| format!("can't write {}", file.display()))?;
        Ok(Self { file, path: request.path.clone(), expected: Expected::Passed })
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

/// Every line is a request, made before the clock starts; which is next outlives the slice in a file.
const LINES: &str = include_str!("lines.lua");
const MARK: &str = "deputy-bench ";
/// Enough to keep one worker busy, few enough that none waits long.
pub(super) const CONNECTIONS: u64 = 16;
