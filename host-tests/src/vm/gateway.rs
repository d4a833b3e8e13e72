//! The gateway under test: several workers of one module and everything around them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::bail;

use super::callouts::{Callout, CalloutId, CalloutReply, Delivery};
use super::exchange::Exchange;
use super::logs::LogLine;
use super::module::Module;
use super::observed::FuelUse;
use super::options::{Clock, Options};
use super::shared::SharedStore;
use super::surroundings::Surroundings;
use super::worker::Worker;

/// Workers that run one plugin. All methods take `&self`; one callback runs at a time per worker.
pub struct Gateway {
    workers: Vec<Arc<Mutex<Worker>>>,
    surroundings: Surroundings,
    shared: SharedStore,
    first_worker: usize,
}

impl Gateway {
    /// Starts every worker. A refusal or a trap is an error that contains the plugin's log.
    pub fn start(module: &Module, options: Options) -> anyhow::Result<Self> {
        let surroundings = Surroundings::new(&options);
        let shared = options.shared.clone();
        let options = Arc::new(options);
        let mut workers = Vec::new();
        for number in 0..options.workers {
            match Worker::start(module, &options, &surroundings, options.first_worker + number) {
                Ok(worker) => workers.push(Arc::new(Mutex::new(worker))),
                Err(error) => bail!("the plugin did not start: {error}{}", log_text(&surroundings)),
            }
        }
        Ok(Self { workers, surroundings, shared, first_worker: options.first_worker })
    }

    /// A new HTTP stream on a worker; nothing happens before its headers.
    pub fn exchange(&self, worker: usize) -> Exchange {
        let context = self.worker(worker).open_stream();
        Exchange::new(Arc::clone(&self.workers[worker]), context)
    }

    /// A new configuration, as a control plane pushes it: a new root context for new streams, and a
    /// new VM where the old one is dead. When it is refused, the old configuration stays.
    pub fn reconfigure(&self, configuration: &[u8]) -> anyhow::Result<()> {
        for number in 0..self.workers.len() {
            let outcome = self.worker(number).reconfigure(configuration.to_vec());
            if let Err(error) = outcome {
                bail!(
                    "the plugin refused the configuration: {error}{}",
                    log_text(&self.surroundings)
                );
            }
        }
        Ok(())
    }

    /// Calls that wait for a reply, oldest first.
    pub fn callouts(&self) -> Vec<Callout> {
        self.surroundings.callouts()
    }

    /// Ends a call.
    pub fn reply(&self, id: CalloutId, reply: CalloutReply) -> Delivery {
        let pending = self.callouts();
        match pending.iter().find(|callout| callout.id == id) {
            Some(callout) => self.worker(callout.worker - self.first_worker).deliver(id, reply),
            None => Delivery::Dropped,
        }
    }

    /// Fires `on_tick` in every worker whose plugin set a period. Returns how many callbacks ran.
    pub fn tick(&self) -> usize {
        (0..self.workers.len()).map(|number| self.tick_worker(number)).sum()
    }

    /// Fires `on_tick` in one worker.
    pub fn tick_worker(&self, worker: usize) -> usize {
        self.worker(worker).tick()
    }

    /// The period the plugin asked for on a worker, in milliseconds; 0 for none.
    pub fn tick_period_ms(&self, worker: usize) -> u32 {
        let mut worker = self.worker(worker);
        let root = worker.root;
        worker.state().roots.get(&root).map_or(0, |root| root.tick_period_ms)
    }

    /// Tells listeners about items enqueued since the last call.
    pub fn announce_queues(&self) {
        for number in 0..self.workers.len() {
            self.worker(number).announce_queues();
        }
    }

    /// Wall time in nanoseconds since 1970.
    pub fn now(&self) -> u64 {
        self.surroundings.now()
    }

    /// Sets the virtual clock.
    pub fn set_now(&self, nanoseconds: u64) {
        self.surroundings.set_clock(Clock::Virtual(nanoseconds));
    }

    /// Takes the clock away: guests get an error instead of the time.
    pub fn take_clock(&self) {
        self.surroundings.set_clock(Clock::Absent);
    }

    /// Moves the virtual clock forward. Ticks do not follow by themselves.
    pub fn advance(&self, by: Duration) {
        self.set_now(self.now().saturating_add(by.as_nanos() as u64));
    }

    /// Every log line so far.
    pub fn logs(&self) -> Vec<LogLine> {
        self.surroundings.logs()
    }

    /// Log lines since the last take.
    pub fn take_logs(&self) -> Vec<LogLine> {
        self.surroundings.take_logs()
    }

    /// What each callback cost since the last take.
    pub fn take_fuel(&self) -> Vec<FuelUse> {
        self.surroundings.take_fuel()
    }

    /// Shared data and metrics.
    pub fn shared(&self) -> &SharedStore {
        &self.shared
    }

    /// Linear memory of a worker's VM, in 64 KiB pages.
    pub fn memory_pages(&self, worker: usize) -> u64 {
        self.worker(worker).memory_pages()
    }

    /// Why a worker's VM is dead, with the guest's stack; `None` while it lives.
    pub fn death(&self, worker: usize) -> Option<String> {
        self.worker(worker).death.as_ref().map(|death| death.reason.clone())
    }

    /// The plugin did something that takes the whole Envoy process down.
    pub fn crashed(&self) -> Option<String> {
        self.surroundings.crashed()
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// `on_done` and `on_delete` of every root context that no stream belongs to.
    pub fn shut_down(&self) {
        for number in 0..self.workers.len() {
            self.worker(number).retire_roots(None);
        }
    }

    fn worker(&self, number: usize) -> MutexGuard<'_, Worker> {
        self.workers[number].lock().expect("no panic in another thread of this worker")
    }
}

fn log_text(surroundings: &Surroundings) -> String {
    let lines = surroundings.logs();
    lines.iter().map(|line| format!("\n  {:?}: {}", line.level, line.message)).collect()
}
