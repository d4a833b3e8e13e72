//! One configuration: the engine made from it, its counters, and the calls under way for it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use deputy_engine::decision::Reason;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::Attribute;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Fetch};

use crate::abi::host::Metric;
use crate::abi::{Buffer, Level, Status, host};
use crate::loading::Unsettled;
use crate::signatures;
use crate::store;
use crate::waiting::Waiting;

/// A root context of the host, configured.
pub(crate) struct Root {
    context: u32,
    engine: RefCell<Engine>,
    attributes: Vec<Attribute>,
    waiting: RefCell<Waiting<Fetch>>,
    unsettled: RefCell<Option<Unsettled>>,
    /// Whether ticks come as fast as there is work to do.
    hurries: Cell<bool>,
    /// When background fetches were looked at last.
    round: Cell<u64>,
    /// What was warned of last.
    warned: RefCell<Vec<String>>,
    counters: BTreeMap<String, u32>,
    gauges: BTreeMap<&'static str, u32>,
    /// Whether the host's shared data can be relied on; tested at the start or at the first need.
    store: OnceCell<bool>,
    /// Random bytes of the host, for requests to come.
    entropy: RefCell<Vec<[u8; 10]>>,
}

/// Something the host, or this adapter, could not do. What it was meant for is refused.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) doing: &'static str,
    pub(crate) status: Status,
}

impl Fault {
    /// Says what failed, and what became of it.
    pub(crate) fn log(&self, so: &str) {
        let Self { doing, status } = self;
        host::log(Level::Error, &format!("deputy: {doing}: host answered {status}; {so}"));
    }
}

/// Names what was being done when the host failed.
pub(crate) trait While<T> {
    fn while_(self, doing: &'static str) -> Result<T, Fault>;
}

impl<T> While<T> for Result<T, Status> {
    fn while_(self, doing: &'static str) -> Result<T, Fault> {
        self.map_err(|status| Fault { doing, status })
    }
}

impl Root {
    /// Reads the configuration; nothing, and every problem in the log, if it is not one to run
    /// with. The host then refuses to start, or keeps what it has.
    pub(crate) fn configure(context: u32, size: usize) -> Option<Self> {
        match Self::configured(context, size) {
            Ok(root) => Some(root),
            Err(problems) => {
                for problem in problems.lines() {
                    host::log(Level::Error, &format!("deputy: {problem}"));
                }
                None
            }
        }
    }

    fn configured(context: u32, size: usize) -> Result<Self, String> {
        named_vm()?;
        let configuration = host::read(Buffer::PluginConfiguration, size)
            .map_err(|status| format!("configuration: the host answered {status}"))?;
        let mut engine = Engine::new(&configuration)
            .map_err(|problems| format!("{problems}{}", hint(&configuration)))?;
        host::time().map_err(|status| {
            format!("clock: the host answered {status}; no credential could be judged")
        })?;
        host::tick_every(TICK_MS)
            .map_err(|status| format!("tick: the host answered {status}; keys would go stale"))?;
        let counters = counters();
        signatures::by_host(&mut engine, &counters);
        let recalls = engine.recalls();
        let gauges = gauges(&mut engine)?;
        let root = Self {
            context,
            attributes: engine.attributes(),
            engine: RefCell::new(engine),
            waiting: RefCell::default(),
            unsettled: RefCell::default(),
            hurries: Cell::new(false),
            round: Cell::new(0),
            warned: RefCell::default(),
            counters,
            gauges,
            store: OnceCell::new(),
            entropy: RefCell::default(),
        };
        root.warn();
        if recalls {
            root.has_store();
        }
        // Before the first document is taken: an earlier life of this VM may have seen a newer one.
        store::join(&root);
        Ok(root)
    }

    pub(crate) fn context(&self) -> u32 {
        self.context
    }

    /// What the engine is to be told of each request's connection.
    pub(crate) fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Steps the engine. It makes no call in which a host calls back, so it is never found borrowed:
    /// verifying a signature only has the host ask for room.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut Engine) -> T) -> Result<T, Fault> {
        let engine = self.engine.try_borrow_mut();
        engine.map(|mut engine| step(&mut engine)).map_err(|_| busy("stepping the engine"))
    }

    /// Looks into the table of calls under way, without a host call inside.
    pub(crate) fn waiting<T>(
        &self,
        look: impl FnOnce(&mut Waiting<Fetch>) -> T,
    ) -> Result<T, Fault> {
        let waiting = self.waiting.try_borrow_mut();
        waiting.map(|mut waiting| look(&mut waiting)).map_err(|_| busy("joining a fetch"))
    }

    /// The time, and random bytes that no other request gets. They are drawn for many requests at once: a
    /// call costs the same for ten bytes as for some hundred.
    pub(crate) fn arrival(&self) -> Result<Arrival, Fault> {
        const DRAWN: usize = 32;
        let mut drawn = self.entropy.try_borrow_mut().map_err(|_| busy("reading entropy"))?;
        if drawn.is_empty() {
            let bytes = host::random::<{ 10 * DRAWN }>().while_("reading entropy")?;
            drawn.extend(bytes.as_chunks().0);
        }
        let entropy = drawn.pop().ok_or_else(|| busy("reading entropy"))?;
        Ok(Arrival { now: now()?, entropy })
    }

    /// Looks at the bundle that is being worked on, without a host call inside.
    pub(crate) fn unsettled<T>(
        &self,
        look: impl FnOnce(&mut Option<Unsettled>) -> T,
    ) -> Result<T, Fault> {
        let unsettled = self.unsettled.try_borrow_mut();
        unsettled.map(|mut unsettled| look(&mut unsettled)).map_err(|_| busy("loading a bundle"))
    }

    /// Whether the engine works on a bundle.
    pub(crate) fn is_at_work(&self) -> bool {
        self.step(|engine| engine.is_at_work()).unwrap_or(false)
    }

    /// Has ticks come fast while there is work to do.
    pub(crate) fn hurry(&self, hurries: bool) {
        if self.hurries.replace(hurries) != hurries {
            let period = if hurries { BUSY_TICK_MS } else { TICK_MS };
            // Without it the work is done all the same, only later.
            let _ = host::tick_every(period);
        }
    }

    /// Whether a tick is one on which background fetches are looked at: each, but for those that come fast.
    pub(crate) fn begins_round(&self) -> bool {
        let Ok(now) = now() else { return true };
        let since = now.unix_millis().saturating_sub(self.round.get());
        if self.hurries.get() && since < u64::from(TICK_MS) {
            return false;
        }
        self.round.set(now.unix_millis());
        true
    }

    /// Whether what workers share is really shared.
    pub(crate) fn has_store(&self) -> bool {
        *self.store.get_or_init(store::works)
    }

    /// Tells the host what operators watch.
    pub(crate) fn gauge(&self) {
        let Ok(values) = now().and_then(|now| self.step(|engine| engine.gauges(now))) else {
            return;
        };
        for (name, value) in values {
            if let Some(metric) = self.gauges.get(name) {
                host::gauge(*metric, value);
            }
        }
    }

    /// Tells the operator what is no error, unless it was told before: a bundle brings its own.
    pub(crate) fn warn(&self) {
        let (Ok(warnings), Ok(mut warned)) =
            (self.step(|engine| engine.warnings()), self.warned.try_borrow_mut())
        else {
            return;
        };
        if *warned == warnings {
            return;
        }
        for warning in warnings.iter().take(MOST_WARNED) {
            host::log(Level::Warn, &format!("deputy: {warning}"));
        }
        if warnings.len() > MOST_WARNED {
            host::log(Level::Warn, "deputy: and more: see `deputy bundle build`");
        }
        *warned = warnings;
    }

    /// Counts, if the host can.
    pub(crate) fn count(&self, counter: &str) {
        if let Some(metric) = self.counters.get(counter) {
            host::count(*metric);
        }
    }
}

/// The time. Without one nothing can be judged, so a host that has none is a fault.
pub(crate) fn now() -> Result<Timestamp, Fault> {
    let nanos = host::time().while_("reading the clock")?;
    Ok(Timestamp::from_unix_millis(nanos / NANOS_PER_MILLI))
}

/// What to do about a configuration that came as a `google.protobuf.Struct`, which Envoy hands over
/// in its wire form. One that is JSON never begins like that: with field 1, the length of an entry
/// of the map, and in there field 1 again, its key.
fn hint(configuration: &[u8]) -> &'static str {
    const FIELD_1: Option<&u8> = Some(&0x0a);
    let mut bytes = configuration.iter();
    let field = bytes.next();
    // A varint: its last byte is the first below 0x80.
    let length_ends = bytes.by_ref().take(LONGEST_LENGTH).any(|byte| *byte < 0x80);
    if field == FIELD_1 && length_ends && bytes.next() == FIELD_1 { STRUCT } else { "" }
}

/// Plugins without a `vm_id` share one VM, and what one of them stores another can write (threats
/// S7). A host that does not know the property has no such sharing to warn of.
fn named_vm() -> Result<(), String> {
    match host::property("plugin_vm_id") {
        Ok(id) if id.is_empty() => {
            Err("vm_id: is empty; fix: set vm_config.vm_id, so that no other plugin shares this VM"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// No label ever comes from a request: a host keeps every name for good.
fn counters() -> BTreeMap<String, u32> {
    let decisions = DECISIONS.iter().map(|verdict| format!("deputy.decision.{verdict}"));
    let reasons = Reason::ALL.iter().map(|reason| format!("deputy.reason.{}", reason.code()));
    let fetches = FETCHES.iter().map(|event| format!("deputy.fetch.{event}"));
    let signatures = SIGNATURES.iter().map(|event| format!("deputy.signature.{event}"));
    let state = STATE.iter().map(|event| format!("deputy.state.{event}"));
    let names = decisions
        .chain(reasons)
        .chain(fetches)
        .chain(signatures)
        .chain(["deputy.published".to_owned()])
        .chain(state);
    let mut counters = BTreeMap::new();
    // One by one: to collect them takes a merge sort.
    counters.extend(
        names.filter_map(|name| {
            host::metric(Metric::Counter, &name).ok().map(|metric| (name, metric))
        }),
    );
    counters
}

/// Which there are follows from the configuration.
fn gauges(engine: &mut Engine) -> Result<BTreeMap<&'static str, u32>, String> {
    let now =
        now().map_err(|fault| format!("{}: the host answered {}", fault.doing, fault.status))?;
    let make = |(name, _)| {
        let metric = host::metric(Metric::Gauge, &format!("deputy.{name}")).ok()?;
        Some((name, metric))
    };
    let mut gauges = BTreeMap::new();
    gauges.extend(engine.gauges(now).into_iter().filter_map(make));
    Ok(gauges)
}

fn busy(doing: &'static str) -> Fault {
    Fault { doing, status: Status::INTERNAL_FAILURE }
}

/// Warnings in one callback: a host writes each to its log before it goes on.
const MOST_WARNED: usize = 100;
/// The bytes of a 32-bit varint.
const LONGEST_LENGTH: usize = 5;
const STRUCT: &str = "\nconfiguration: looks like a protobuf Struct; fix: hand it over as a \
    type.googleapis.com/google.protobuf.StringValue whose `value` is the JSON text";
/// How often background fetches are looked at, and what all workers know is joined: what one of them has
/// seen is written within one tick and read within another, and so known to all within a second.
const TICK_MS: u32 = 500;
/// How soon work goes on: for as long as it is worked on, there is time for requests.
const BUSY_TICK_MS: u32 = 1;
const NANOS_PER_MILLI: u64 = 1_000_000;

const DECISIONS: [&str; 3] = ["allow", "deny", "needs_approval"];
const FETCHES: [&str; 3] = ["started", "failed", "joined"];
const SIGNATURES: [&str; 2] = ["host", "fallback"];
const STATE: [&str; 2] = ["foreign", "lost"];
