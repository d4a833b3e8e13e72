//! One worker: a VM with its contexts, how it starts, how a callback is called, ticks and replies.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use wasmtime::Store;

use super::abi::LogLevel;
use super::callouts::{CalloutId, CalloutReply, Delivery};
use super::exports::Exports;
use super::failure::Death;
use super::module::{Module, counts_fuel, engine};
use super::observed::FuelUse;
use super::options::Options;
use super::state::{CallReply, Deferred, HostState, Root};
use super::stream::Stream;
use super::surroundings::Surroundings;

/// A worker thread's share of the gateway.
pub(super) struct Worker {
    pub(super) module: Module,
    pub(super) store: Store<HostState>,
    pub(super) exports: Exports,
    /// The root context new streams belong to.
    pub(super) root: u32,
    pub(super) death: Option<Death>,
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    /// The module has no such export.
    Absent,
    /// It returned this, and a local reply stopped the iteration or did not.
    Returned { value: u32, stopped: bool },
    /// It trapped; the VM is dead.
    Trapped,
}

impl Worker {
    pub(super) fn start(
        module: &Module,
        options: &Arc<Options>,
        surroundings: &Surroundings,
        number: usize,
    ) -> anyhow::Result<Self> {
        let state = HostState::new(Arc::clone(options), surroundings.clone(), number);
        let (store, exports) = instantiate(module, state)?;
        let mut worker = Self { module: module.clone(), store, exports, root: 0, death: None };
        worker.boot()?;
        Ok(worker)
    }

    /// `_initialize`, the root context, `proxy_on_vm_start`, `proxy_on_configure`.
    pub(super) fn boot(&mut self) -> anyhow::Result<()> {
        let entry = if self.exports.has("_initialize") { "_initialize" } else { "_start" };
        if self.call(0, entry, &[]) == Called::Trapped {
            bail!("{entry} trapped: {}", self.death_reason());
        }
        let root = self.state().next_context();
        self.root = root;
        let size = self.state().options.vm_configuration.len() as u32;
        let configuration = self.state().options.configuration.clone();
        self.open_root(root, configuration)?;
        self.require("proxy_on_vm_start", &[root, size])?;
        self.configure(root)
    }

    /// A new root context with another configuration, as a configuration update makes one. Streams
    /// that already run keep the old one.
    pub(super) fn reconfigure(&mut self, configuration: Vec<u8>) -> anyhow::Result<()> {
        if self.death.is_some() {
            Arc::make_mut(&mut self.state().options).configuration = configuration;
            return self.rebuild();
        }
        let root = self.state().next_context();
        self.open_root(root, configuration.clone())?;
        self.configure(root)?;
        Arc::make_mut(&mut self.state().options).configuration = configuration;
        self.root = root;
        self.retire_roots(Some(root));
        Ok(())
    }

    fn open_root(&mut self, root: u32, configuration: Vec<u8>) -> anyhow::Result<()> {
        self.state().roots.insert(root, Root::default());
        self.state().plugin_configuration = Some(configuration);
        match self.call(root, "proxy_on_context_create", &[root, 0]) {
            Called::Trapped => bail!("proxy_on_context_create trapped: {}", self.death_reason()),
            Called::Absent | Called::Returned { .. } => Ok(()),
        }
    }

    fn configure(&mut self, root: u32) -> anyhow::Result<()> {
        let size = self.state().plugin_configuration.as_ref().map_or(0, Vec::len) as u32;
        let configured = self.require("proxy_on_configure", &[root, size]);
        self.state().plugin_configuration = None;
        if configured.is_err() {
            self.state().roots.remove(&root);
        }
        configured
    }

    fn require(&mut self, name: &'static str, arguments: &[u32]) -> anyhow::Result<()> {
        match self.call(arguments[0], name, arguments) {
            Called::Absent => Ok(()),
            Called::Returned { value, .. } if value != 0 => Ok(()),
            Called::Returned { .. } => bail!("{name} answered false"),
            Called::Trapped => bail!("{name} trapped: {}", self.death_reason()),
        }
    }

    /// Calls into the VM for one context, then does what the host functions put off.
    pub(super) fn call(&mut self, context: u32, name: &'static str, arguments: &[u32]) -> Called {
        if self.death.is_some() || !self.exports.has(name) {
            return Called::Absent;
        }
        let fuel = self.state().options.fuel;
        refuel(&mut self.store, fuel);
        let state = self.state();
        let outer = (std::mem::replace(&mut state.current, context), state.effective.take());
        state.iteration_stopped = false;
        let began = busy();
        let returned = self.exports.call(&mut self.store, name, arguments).expect("has() said so");
        let took = busy().saturating_sub(began);
        let spent = self.store.get_fuel().map_or(0, |left| fuel - left);
        let state = self.state();
        (state.current, state.effective) = outer;
        let stopped = std::mem::take(&mut state.iteration_stopped);
        state.surroundings.spend(FuelUse {
            worker: state.worker,
            context,
            callback: name,
            fuel: spent,
            took,
        });
        let called = match returned {
            Ok(value) => Called::Returned { value, stopped },
            Err(error) => {
                self.die(&format!("{name}: {error:?}"));
                Called::Trapped
            }
        };
        self.settle();
        called
    }

    fn settle(&mut self) {
        self.state().call_reply = None;
        while let Some(deferred) = self.state().deferred.pop_front() {
            match deferred {
                Deferred::Continue(stream, direction) => self.common_continue(stream, direction),
                Deferred::Reply(stream, reply) => self.send_local_reply(stream, reply),
                Deferred::Close(stream) => self.reset(stream, "wasm_close_stream"),
                Deferred::Delete(root) => self.delete_root(root),
            }
        }
    }

    /// Fires every root context that asked for ticks. Returns how many did.
    pub(super) fn tick(&mut self) -> usize {
        let roots: Vec<u32> = self
            .state()
            .roots
            .iter()
            .filter(|root| root.1.tick_period_ms > 0)
            .map(|root| *root.0)
            .collect();
        for root in &roots {
            self.call(*root, "proxy_on_tick", &[*root]);
        }
        if self.death.is_some() { 0 } else { roots.len() }
    }

    pub(super) fn announce_queues(&mut self) {
        let number = self.state().worker;
        for (root, token) in self.state().options.shared.clone().news_for(number) {
            self.call(root, "proxy_on_queue_ready", &[root, token]);
        }
    }

    /// Delivers a callout's reply. The callback's context is the root context: which stream waits is
    /// the plugin's own book-keeping.
    pub(super) fn deliver(&mut self, id: CalloutId, reply: CalloutReply) -> Delivery {
        // A call whose owner or VM is gone was cancelled then.
        let surroundings = self.state().surroundings.clone();
        let Some(callout) = surroundings.take_callout(id) else { return Delivery::Dropped };
        let root = self
            .state()
            .streams
            .get(&callout.context)
            .map_or(callout.context, |stream| stream.root);
        let root = if self.state().roots.contains_key(&root) { root } else { self.root };
        let (headers, body) = reply.into_message();
        let arguments = [root, callout.token, headers.pairs().len() as u32, body.len() as u32, 0];
        self.state().call_reply = Some(CallReply { headers, body });
        self.call(root, "proxy_on_http_call_response", &arguments);
        self.state().call_reply = None;
        Delivery::Delivered
    }

    /// Ends root contexts that no stream belongs to: the old ones after a configuration update, or
    /// all of them at shut-down.
    pub(super) fn retire_roots(&mut self, spared: Option<u32>) {
        let state = self.state();
        let roots: Vec<u32> =
            state.roots.keys().copied().filter(|root| Some(*root) != spared).collect();
        for root in roots {
            let state = self.state();
            let in_use = state.streams.values().any(|stream| stream.in_vm && stream.root == root);
            if in_use || state.roots.get(&root).is_none_or(|root| root.done_pending) {
                continue;
            }
            let done = self.call(root, "proxy_on_done", &[root]);
            if matches!(done, Called::Returned { value: 0, .. }) {
                self.state().roots.entry(root).or_default().done_pending = true;
            } else {
                self.delete_root(root);
            }
        }
    }

    fn delete_root(&mut self, root: u32) {
        self.call(root, "proxy_on_delete", &[root]);
        let state = self.state();
        state.roots.remove(&root);
        state.surroundings.cancel(state.worker, Some(root));
    }

    pub(super) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    pub(super) fn stream(&mut self, context: u32) -> &mut Stream {
        self.state().streams.get_mut(&context).expect("a stream of this worker")
    }

    pub(super) fn memory_pages(&mut self) -> u64 {
        let memory = self.state().memory;
        memory.map_or(0, |memory| memory.size(&self.store))
    }

    pub(super) fn death_reason(&self) -> String {
        self.death.as_ref().map(|death| death.reason.clone()).unwrap_or_default()
    }

    pub(super) fn note(&mut self, level: LogLevel, message: &str) {
        self.state().log(level, message.as_bytes());
    }
}

/// Processor time of this thread: what else the machine does meanwhile is no time of a callback.
fn busy() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

fn refuel(store: &mut Store<HostState>, fuel: u64) {
    if counts_fuel() {
        store.set_fuel(fuel).expect("fuel is counted");
    }
}

pub(super) fn instantiate(
    module: &Module,
    state: HostState,
) -> anyhow::Result<(Store<HostState>, Exports)> {
    let fuel = state.options.fuel;
    let mut store = Store::new(engine(), state);
    store.limiter(|state| &mut state.limits);
    refuel(&mut store, fuel);
    let instance = module
        .instance()
        .instantiate(&mut store)
        .map_err(|error| anyhow!("no instance: {error:?}"))?;
    let memory = instance.get_memory(&mut store, "memory");
    let allocate = super::exports::ALLOCATORS
        .iter()
        .find_map(|name| instance.get_typed_func::<i32, i32>(&mut store, name).ok());
    store.data_mut().memory = memory;
    store.data_mut().allocate = allocate;
    let exports = Exports::of(&instance, &mut store);
    Ok((store, exports))
}
