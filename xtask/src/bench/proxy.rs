//! One running Envoy, its processor time and its counters. It ends with the value.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::gateway::{self, Setting};
use super::http::{Request, free_ports};
use super::stop;
use crate::envoy::Envoy;

/// An Envoy with one worker thread.
pub(super) struct Proxy {
    name: String,
    child: Child,
    pub(super) port: u16,
    admin: u16,
    log: PathBuf,
    started: Instant,
}

/// What an Envoy writes into its log. A receipt is a line of it, at the level `info`.
#[derive(Clone, Copy)]
pub(super) enum Log {
    Receipts,
    Warnings,
}

impl Proxy {
    /// Starts one like that; what it says goes into a file, as it does in production.
    pub(super) fn start(
        envoy: &Envoy,
        folder: &Path,
        name: &str,
        setting: Setting<'_>,
    ) -> Result<Self> {
        Self::start_logging(Log::Receipts, envoy, folder, (name, setting))
    }

    /// The same, with more or less in its log.
    pub(super) fn start_logging(
        what: Log,
        envoy: &Envoy,
        folder: &Path,
        (name, setting): (&str, Setting<'_>),
    ) -> Result<Self> {
        let [port, admin] = free_ports()?;
        let configuration = folder.join(format!("envoy-{name}.json"));
        fs::write(&configuration, gateway::document(port, admin, setting).to_string())?;
        let log = folder.join(format!("envoy-{name}.log"));
        let out = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        let mut command = Command::new(&envoy.program);
        command.arg("-c").arg(configuration).args(["--concurrency", "1", "--disable-hot-restart"]);
        if let Log::Warnings = what {
            command.args(["--log-level", "warning"]);
        }
        let child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn();
        let child = child.context("can't start Envoy")?;
        Ok(Self { name: name.to_owned(), child, port, admin, log, started: Instant::now() })
    }

    /// Waits until it has answered this request with a 200 and the router's answer; how long that took
    /// since the start.
    ///
    /// # Errors
    /// If it ends, takes too long, refuses, or withholds the answer.
    pub(super) fn answers(&mut self, request: &Request) -> Result<Duration> {
        let is_ready = |proxy: &Self| {
            Request::get("/ready").send(proxy.admin).is_ok_and(|answer| answer.is_200())
        };
        while !is_ready(self) {
            stop::check()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("Envoy with {} ended ({status}); it said:\n\n{}", self.name, self.said());
            }
            ensure!(
                self.started.elapsed() < PATIENCE,
                "Envoy with {} does not get ready",
                self.name
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let answer = request.send(self.port)?;
        ensure!(
            answer.is_200(),
            "Envoy with {} refuses {}:\n\n{}",
            self.name,
            request.path,
            answer.0
        );
        ensure!(
            answer.0.contains(gateway::ANSWER),
            "Envoy with {} does not pass the answer to {}:\n\n{}",
            self.name,
            request.path,
            answer.0
        );
        Ok(self.started.elapsed())
    }

    /// Processor time of all its threads so far, from `/proc/PID/stat`.
    pub(super) fn spent(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&path)
            .with_context(|| format!("can't read {path}; only Linux has it"))?;
        // The second field is a name in parentheses, which may hold anything; user and system time
        // are the 12th and the 13th after it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<u64> =
            fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        ensure!(ticks.len() == 2, "{path} is not what it should be: {stat}");
        Ok(Duration::from_millis(ticks.iter().sum::<u64>() * MILLIS_PER_TICK))
    }

    /// The value of a counter; zero if it has never counted.
    pub(super) fn counter(&self, name: &str) -> Result<u64> {
        let answer = Request::get(&format!("/stats?usedonly&filter=^{name}$")).send(self.admin)?;
        ensure!(
            answer.is_200(),
            "Envoy's admin interface does not tell its counters:\n\n{}",
            answer.0
        );
        Ok(answer.value(name).unwrap_or_default())
    }

    /// What each receipt that it has written since this byte of its log says of the revision, in order, and where
    /// the log ends.
    pub(super) fn revisions(&self, since: u64) -> Result<(Vec<u64>, u64)> {
        let mut log = File::open(&self.log)?;
        log.seek(SeekFrom::Start(since))?;
        let mut text = String::new();
        log.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut revisions = Vec::new();
        for line in text.get(..whole).unwrap_or_default().lines() {
            let Some((_, receipt)) = line.split_once("deputy-receipt ") else { continue };
            let mut said = receipt.split("\"revision\":").skip(1);
            let digits = |rest: &str| {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                rest.get(..end)?.parse().ok()
            };
            match (said.next().and_then(digits), said.next()) {
                (Some(revision), None) => revisions.push(revision),
                _ => bail!("a receipt without one revision: {receipt}"),
            }
        }
        Ok((revisions, since + whole as u64))
    }

    /// The end of its log.
    pub(super) fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(10)).copied().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        // A receipt per request adds up to a hundred megabytes.
        let _removed = fs::remove_file(&self.log);
    }
}

/// `USER_HZ`, which Linux holds at 100 for everybody who reads `/proc`.
const MILLIS_PER_TICK: u64 = 10;
/// Long enough for a busy machine to compile the module.
const PATIENCE: Duration = Duration::from_secs(180);
