//! A signal ends the benchmark between two measurements, so that no gateway is left running.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on a signal is only noted.
pub(super) fn on_signal() -> Result<()> {
    ctrlc::set_handler(|| STOPPED.store(true, Ordering::Relaxed)).context("signals can't be caught")
}

/// # Errors
/// If there was a signal.
pub(super) fn check() -> Result<()> {
    ensure!(!STOPPED.load(Ordering::Relaxed), "stopped; nothing is left running");
    Ok(())
}
