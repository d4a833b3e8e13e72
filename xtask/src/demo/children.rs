//! Programs the demo starts, and that they end with it.
//!
//! However the demo ends, by itself, by an error, by Ctrl-C or by SIGTERM, nothing it started is left.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

static RUNNING: Mutex<Vec<(String, Child)>> = Mutex::new(Vec::new());

/// While it lives, the programs live.
pub(crate) struct Children(());

impl Children {
    /// Also ends them on a signal.
    ///
    /// # Errors
    /// If signals can't be caught.
    pub(crate) fn new() -> Result<Self> {
        let caught = ctrlc::set_handler(|| {
            end_all();
            eprintln!("\nstopped; nothing is left running");
            std::process::exit(130);
        });
        match caught {
            // Set by an earlier demo of the same run.
            Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(Self(())),
            Err(error) => Err(error).context("signals can't be caught"),
        }
    }

    /// Starts a program; what it says goes to `log`.
    ///
    /// # Errors
    /// If it can't be started.
    pub(crate) fn start(&self, name: &str, command: &mut Command, log: &Path) -> Result<()> {
        let out = File::create(log).with_context(|| format!("can't write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("can't start {name}"))?;
        running().push((name.to_owned(), child));
        Ok(())
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// With the end of its log, if the program ends first or takes too long.
    pub(crate) fn wait(&self, name: &str, log: &Path, ready: impl Fn() -> bool) -> Result<()> {
        let started = Instant::now();
        while !ready() {
            if let Some(how) = ended(name) {
                bail!("{name} ended before it was ready ({how}); it said:\n\n{}", tail(log));
            }
            if started.elapsed() > PATIENCE {
                bail!(
                    "{name} was not ready after {} s; it said:\n\n{}",
                    PATIENCE.as_secs(),
                    tail(log)
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// Long enough for a busy machine to compile the module.
const PATIENCE: Duration = Duration::from_secs(180);

impl Drop for Children {
    fn drop(&mut self) {
        end_all();
    }
}

/// What a log says about an end: the plugin's own words if there are any, else its last lines.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let own: Vec<_> = text.lines().filter_map(plugin_error).collect();
    let lines: Vec<_> = text.lines().collect();
    let last: Vec<_> = lines.iter().skip(lines.len().saturating_sub(20)).copied().collect();
    let shown = if own.is_empty() { last } else { own };
    let shown: Vec<_> = shown.into_iter().map(|line| format!("    {line}")).collect();
    format!("{}\n\n    (all of it: {})", shown.join("\n"), log.display())
}

/// `…[error][wasm] […] wasm log deputy deputy: deputy: configuration:…`, as Envoy writes it.
fn plugin_error(line: &str) -> Option<&str> {
    let (_, said) =
        line.split_once("[error][wasm]")?.1.split_once("wasm log ")?.1.split_once(": ")?;
    Some(said.strip_prefix("deputy: ").unwrap_or(said))
}

fn ended(name: &str) -> Option<String> {
    let mut all = running();
    let (_, child) = all.iter_mut().find(|(known, _)| known == name)?;
    child.try_wait().ok().flatten().map(|status| status.to_string())
}

fn end_all() {
    for (_, mut child) in running().drain(..) {
        // It may have ended already; then there is nothing to end.
        let _gone = child.kill();
        let _reaped = child.wait();
    }
}

fn running() -> MutexGuard<'static, Vec<(String, Child)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_own_words_are_found_in_envoys_log() {
        let line = "[2026-11-23 22:49:49.854][28089][error][wasm] [source/context.cc:1157] \
                    wasm log deputy deputy: deputy: configuration:2:1: is not JSON";
        assert_eq!(plugin_error(line), Some("configuration:2:1: is not JSON"));
        assert_eq!(plugin_error("[1][error][wasm] [source/wasm.cc:104] Wasm VM failed"), None);
    }
}
