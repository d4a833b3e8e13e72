//! Steps that take a while, shown as they go.
//!
//! On a terminal: a spinner with the elapsed time. Elsewhere: a line at the start, one every half
//! minute, one at the end, so that a log shows that something is alive.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

static STDOUT_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// A step under way.
pub(crate) struct Running {
    name: String,
    started: Instant,
    shown: Shown,
}

enum Shown {
    Spinner(ProgressBar),
    Lines { stop: Sender<()>, ticker: JoinHandle<()> },
}

/// Runs one step; its result is what is said at its end.
pub(crate) fn step<T>(name: &str, work: impl FnOnce(&Running) -> Result<(T, String)>) -> Result<T> {
    let running = Running::start(name);
    match work(&running) {
        Ok((value, said)) => {
            running.end(&style("✓").green().to_string(), &said);
            Ok(value)
        }
        Err(problem) => {
            running.end(&style("✗").red().to_string(), "failed");
            Err(problem)
        }
    }
}

/// A line in the form of a finished step, for something that took no time.
pub(crate) fn done(name: &str, said: &str) {
    say(&format!(" {} {name:<20}{said}", style("✓").green()));
}

/// The same for something that is missing.
pub(crate) fn absent(name: &str, said: &str) {
    say(&format!(" {} {name:<20}{said}", style("!").yellow().bold()));
}

/// From now on nothing is said on standard output: it is for a program to read.
pub(crate) fn say_on_stderr() {
    STDOUT_IS_TAKEN.store(true, Ordering::Relaxed);
}

/// One line, at once, also into a pipe.
pub(crate) fn say(line: &str) {
    if STDOUT_IS_TAKEN.load(Ordering::Relaxed) {
        return eprintln!("{line}");
    }
    let mut out = std::io::stdout().lock();
    // Whoever closed the pipe wants no more lines; the work goes on all the same.
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// `1m 48s`, or `0.4s`.
pub(crate) fn elapsed(time: Duration) -> String {
    match time.as_secs() {
        0..=9 => format!("{:.1}s", time.as_secs_f64()),
        seconds @ 10..=59 => format!("{seconds}s"),
        seconds => format!("{}m {:02}s", seconds / 60, seconds % 60),
    }
}

impl Running {
    fn start(name: &str) -> Self {
        let shown = if console::user_attended() && console::user_attended_stderr() {
            Shown::spinner(name)
        } else {
            Shown::lines(name)
        };
        Self { name: name.to_owned(), started: Instant::now(), shown }
    }

    /// What is being done right now.
    pub(crate) fn doing(&self, what: &str) {
        if let Shown::Spinner(bar) = &self.shown {
            bar.set_message(what.to_owned());
        }
    }

    fn end(self, mark: &str, said: &str) {
        let took = self.started.elapsed();
        match self.shown {
            Shown::Spinner(bar) => bar.finish_and_clear(),
            Shown::Lines { stop, ticker } => {
                drop(stop);
                let _ended = ticker.join();
            }
        }
        let took = match took.as_secs() {
            0 => String::new(),
            _ => style(format!("  ({})", elapsed(took))).dim().to_string(),
        };
        say(&format!(" {mark} {:<20}{said}{took}", self.name));
    }
}

impl Shown {
    fn spinner(name: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) =
            ProgressStyle::with_template(" {spinner} {prefix:20}{wide_msg:.dim} {elapsed:>6}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Spinner(bar)
    }

    fn lines(name: &str) -> Self {
        let (stop, stopped) = channel();
        let (name, started) = (name.to_owned(), Instant::now());
        say(&format!("   {name} …"));
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Timeout) {
                say(&format!("   {name} … {}", elapsed(started.elapsed())));
            }
        });
        Self::Lines { stop, ticker }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        assert_eq!(elapsed(Duration::from_millis(400)), "0.4s");
        assert_eq!(elapsed(Duration::from_secs(42)), "42s");
        assert_eq!(elapsed(Duration::from_secs(108)), "1m 48s");
    }
}
