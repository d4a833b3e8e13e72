//! What belongs to one gateway and outlives its VMs: clock, entropy, log, pending calls, fuel book.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::callouts::{Callout, CalloutId};
use super::logs::LogLine;
use super::observed::FuelUse;
use super::options::{Clock, Entropy, LogSink, Options};

#[derive(Clone)]
pub(super) struct Surroundings {
    inner: Arc<Mutex<Inner>>,
    sink: LogSink,
    started: Instant,
}

struct Inner {
    clock: Clock,
    /// Wall time at start: virtual monotonic time counts from here.
    origin: u64,
    entropy: Entropy,
    logs: Vec<LogLine>,
    fuel: Vec<FuelUse>,
    callouts: Vec<Callout>,
    last_callout: u64,
    crash: Option<String>,
}

impl Surroundings {
    pub(super) fn new(options: &Options) -> Self {
        let inner = Inner {
            clock: options.clock,
            origin: read(options.clock),
            entropy: options.entropy.clone(),
            logs: Vec::new(),
            fuel: Vec::new(),
            callouts: Vec::new(),
            last_callout: 0,
            crash: None,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            sink: options.log.clone(),
            started: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        read(self.lock().clock)
    }

    pub(super) fn set_clock(&self, clock: Clock) {
        self.lock().clock = clock;
    }

    pub(super) fn has_clock(&self) -> bool {
        self.lock().clock != Clock::Absent
    }

    pub(super) fn monotonic(&self) -> u64 {
        let inner = self.lock();
        match inner.clock {
            Clock::Virtual(now) => now.saturating_sub(inner.origin),
            Clock::Real => self.started.elapsed().as_nanos() as u64,
            Clock::Absent => 0,
        }
    }

    pub(super) fn fill(&self, bytes: &mut [u8]) {
        match &mut self.lock().entropy {
            Entropy::Fixed(pattern) => {
                for (byte, value) in bytes.iter_mut().zip(pattern.iter().cycle()) {
                    *byte = *value;
                }
            }
            Entropy::Seeded(state) => bytes.chunks_mut(8).for_each(|chunk| {
                let word = splitmix64(state).to_le_bytes();
                chunk.copy_from_slice(&word[..chunk.len()]);
            }),
            Entropy::System => getrandom::fill(bytes).expect("the operating system has randomness"),
        }
    }

    pub(super) fn log(&self, line: LogLine) {
        match &self.sink {
            LogSink::Collect => self.lock().logs.push(line),
            LogSink::Each(sink) => sink(&line),
        }
    }

    pub(super) fn logs(&self) -> Vec<LogLine> {
        self.lock().logs.clone()
    }

    pub(super) fn take_logs(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.lock().logs)
    }

    pub(super) fn spend(&self, fuel: FuelUse) {
        self.lock().fuel.push(fuel);
    }

    pub(super) fn take_fuel(&self) -> Vec<FuelUse> {
        std::mem::take(&mut self.lock().fuel)
    }

    pub(super) fn dispatch(&self, callout: impl FnOnce(CalloutId) -> Callout) {
        let mut inner = self.lock();
        inner.last_callout += 1;
        let id = CalloutId(inner.last_callout);
        inner.callouts.push(callout(id));
    }

    pub(super) fn callouts(&self) -> Vec<Callout> {
        self.lock().callouts.clone()
    }

    pub(super) fn take_callout(&self, id: CalloutId) -> Option<Callout> {
        let mut inner = self.lock();
        let place = inner.callouts.iter().position(|callout| callout.id == id)?;
        Some(inner.callouts.remove(place))
    }

    /// Cancels the calls of one context, or of a whole worker whose VM died.
    pub(super) fn cancel(&self, worker: usize, owner: Option<u32>) {
        let gone =
            |call: &Callout| call.worker == worker && owner.is_none_or(|owner| call.owner == owner);
        self.lock().callouts.retain(|callout| !gone(callout));
    }

    /// The proxy process itself would be gone.
    pub(super) fn crash(&self, reason: &str) {
        self.lock().crash.get_or_insert_with(|| reason.to_owned());
    }

    pub(super) fn crashed(&self) -> Option<String> {
        self.lock().crash.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while holding the surroundings")
    }
}

fn read(clock: Clock) -> u64 {
    match clock {
        Clock::Virtual(now) => now,
        Clock::Real => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
            since.as_nanos() as u64
        }
        Clock::Absent => 0,
    }
}

/// Steele et al., "Fast splittable pseudorandom number generators": one seed, one repeatable stream.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
