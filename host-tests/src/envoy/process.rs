//! The Envoy program: found, started, and ended with us whatever happens.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::wait;

/// Envoy and the module to run in it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program.
    pub envoy: PathBuf,
    /// The plugin module.
    pub module: PathBuf,
}

impl Program {
    /// What `DEPUTY_ENVOY` and `DEPUTY_WASM` name.
    ///
    /// # Panics
    /// When one of them does not: a gateway that never ran must not look like one that passed.
    pub fn find() -> Self {
        Self { envoy: Self::envoy(), module: named("DEPUTY_WASM", "the plugin module") }
    }

    /// What `DEPUTY_ENVOY` alone names.
    ///
    /// # Panics
    /// As [`Self::find`].
    pub fn envoy() -> PathBuf {
        named("DEPUTY_ENVOY", "Envoy")
    }
}

fn named(variable: &str, what: &str) -> PathBuf {
    let path = match std::env::var_os(variable) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => panic!(
            "{variable} does not say where {what} is; run `cargo xtask test`, which gets it ready"
        ),
    };
    path.canonicalize().unwrap_or_else(|e| panic!("{variable}={}: {e}", path.display()))
}

/// An Envoy that was started, and the folder of everything it reads and writes.
#[derive(Debug)]
pub struct Process {
    guard: Child,
    folder: tempfile::TempDir,
}

impl Process {
    /// Starts Envoy with a bootstrap configuration, in a folder of its own. `more`: arguments.
    ///
    /// # Panics
    /// When it can't be started at all.
    pub fn start(folder: tempfile::TempDir, bootstrap: &Value, more: &[&str]) -> Self {
        let config = folder.path().join("bootstrap.json");
        std::fs::write(&config, bootstrap.to_string()).expect("the folder can be written");
        Self::start_from(folder, &config, None, more)
    }

    /// The same with a file that is there, and perhaps in another working directory.
    ///
    /// # Panics
    /// When it can't be started at all.
    pub fn start_from(
        folder: tempfile::TempDir,
        config: &Path,
        directory: Option<&Path>,
        more: &[&str],
    ) -> Self {
        let log = File::create(folder.path().join(LOG)).expect("the folder can be written");
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh"]).arg(folder.path().join(ID));
        guard.arg(Program::find().envoy).arg("-c").arg(config);
        guard.args(ARGUMENTS).arg("--admin-address-path").arg(folder.path().join(ADMIN)).args(more);
        if let Some(directory) = directory {
            guard.current_dir(directory);
        }
        let guard = guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn();
        Self { guard: guard.expect("`sh` starts"), folder }
    }

    /// Where it reads and writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its own log is.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }

    /// Everything it has logged.
    pub fn logged(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// The end of its log, for a message about something that went wrong.
    pub fn last_words(&self) -> String {
        let log = self.logged();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains("|main|  ")).collect();
        format!("Envoy said last:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"))
    }

    /// Where its admin interface is, once it says so.
    ///
    /// # Panics
    /// When it ends instead, or never says.
    pub fn admin(&mut self) -> String {
        let file = self.folder.path().join(ADMIN);
        let guard = &mut self.guard;
        let address = wait::until("the admin interface", wait::PATIENCE, String::new, || {
            let ended = guard.try_wait().expect("a child can be asked");
            let address = std::fs::read_to_string(&file).ok().filter(|text| text.contains(':'));
            address.map(Ok).or(ended.map(Err))
        });
        address.unwrap_or_else(|ended| panic!("Envoy ended, {ended}\n{}", self.last_words()))
    }

    /// Resident memory in bytes: V8's heaps and the module's linear memories are not in what Envoy
    /// itself counts.
    ///
    /// # Panics
    /// When the system has no `ps` that says.
    pub fn resident(&self) -> u64 {
        let id = std::fs::read_to_string(self.folder.path().join(ID)).expect("the guard writes it");
        let said = Command::new("ps").args(["-o", "rss=", "-p", id.trim()]).output();
        let said = String::from_utf8_lossy(&said.expect("`ps` is there").stdout).into_owned();
        1024 * said.trim().parse::<u64>().unwrap_or_else(|e| panic!("`ps` says {said:?}: {e}"))
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// When it does not.
    pub fn end(mut self) -> (ExitStatus, String) {
        let guard = &mut self.guard;
        let ended = wait::until("Envoy to end", wait::START, String::new, || {
            guard.try_wait().expect("a child can be asked")
        });
        (ended, self.logged())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard ends Envoy when it can't read from us any more.
        drop(self.guard.stdin.take());
        // There is nobody left to tell.
        let _ = self.guard.wait();
    }
}

/// Runs a program and ends it as soon as the pipe to us breaks: when we say so, but also when the
/// tests are killed or a static is never dropped.
const GUARD: &str = r#"
exec 3<&0
note=$1; shift
"$@" </dev/null 3<&- &
envoy=$!
echo "$envoy" >"$note"
(read -r nothing <&3; kill -9 "$envoy") 2>/dev/null &
watch=$!
wait "$envoy"; status=$?
kill "$watch" 2>/dev/null
exit "$status"
"#;

/// Threads that serve requests, each with a VM of its own.
pub(super) const WORKERS: usize = 2;
/// How an Envoy is told.
pub const TWO_WORKERS: [&str; 2] = ["--concurrency", "2"];
/// For what one worker learns and another does not know.
pub const ONE_WORKER: [&str; 2] = ["--concurrency", "1"];
/// No shared memory between Envoys; log lines that can be told apart; access log lines at once.
const ARGUMENTS: [&str; 9] = [
    "--disable-hot-restart",
    "--log-level",
    "info",
    "--log-format",
    "%l|%n|%v",
    "--file-flush-interval-msec",
    "10",
    "--drain-time-s",
    "1",
];
const LOG: &str = "envoy.log";
const ADMIN: &str = "admin.address";
const ID: &str = "envoy.pid";
