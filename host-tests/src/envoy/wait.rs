//! Waiting for something to be so, and saying what did not come to be.

use std::thread;
use std::time::{Duration, Instant};

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none within `patience`; `otherwise` says more about why.
pub fn until<T>(
    what: &str,
    patience: Duration,
    otherwise: impl FnOnce() -> String,
    mut ask: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begun.elapsed() < patience,
            "waited {} s for {what}, in vain\n{}",
            patience.as_secs(),
            otherwise()
        );
        thread::sleep(PAUSE);
    }
}

/// How long anything but a start may take, on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long Envoy may take to start: it compiles the module, at a CPU-second per megabyte or so.
pub const START: Duration = Duration::from_secs(120);

const PAUSE: Duration = Duration::from_millis(10);
