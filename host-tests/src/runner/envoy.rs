//! The real module in the real Envoy: one process with one worker, a listener for each configuration.
//!
//! Envoy's clock can't be set, so a case is minted anew for the moment it runs
//! ([`Case::at`](crate::cases::Case::at)); one that is about time is not for this host. Cases of one
//! configuration whose keys are always to be had share a listener, one after the other; others have
//! one of their own. Not here: which cases Envoy itself answers (`tests/cases_envoy.rs`).

mod exchange;
mod keys;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use self::keys::Keys;
use super::{Host, Observed};
use crate::cases::{Case, FetchAnswer, Resolved};
use crate::envoy::{Front, Gateway, Issuer, Listener, ONE_WORKER, Plan};

/// One Envoy for many cases.
pub struct Envoy {
    gateway: Arc<Gateway>,
    resident: u64,
}

/// What came of a case.
pub struct Ran<'c> {
    /// The case as it was chosen.
    pub case: &'c Case,
    /// The same, as it was run: at that moment.
    pub live: Case,
    /// What Envoy did.
    pub observed: Observed,
}

/// Cases that can share a listener: same configuration, and keys that are always to be had.
type Group<'c> = Vec<&'c Case>;

impl Envoy {
    /// Starts the Envoy that `DEPUTY_ENVOY` names.
    ///
    /// # Panics
    /// When it, or the module, is not there: a host that never ran must not look like one that passed.
    pub fn start() -> Self {
        let gateway = Gateway::start_with(&Plan::new(stays()), &ONE_WORKER);
        let resident = gateway.process().resident();
        Self { gateway, resident }
    }

    /// Runs the cases, several groups at a time: most of the time is spent waiting.
    pub fn run_all<'c>(&self, cases: &[&'c Case]) -> Vec<Ran<'c>> {
        let groups = Mutex::new(groups(cases));
        let ran = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| {
                    while let Some(group) = next(&groups) {
                        let results = self.run_group(&group);
                        ran.lock().unwrap_or_else(PoisonError::into_inner).extend(results);
                    }
                });
            }
        });
        ran.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn run_group<'c>(&self, group: &Group<'c>) -> Vec<Ran<'c>> {
        let mut host = InEnvoy { gateway: &self.gateway, place: None };
        let run = |case: &&'c Case| {
            // A listener takes its time; proofs last a minute and are minted when it is there.
            if !host.is_open_for(&case.resolved) {
                let open = || host.open(&case.at(now()).resolved).err();
                // Refused, or broken: that shows again when it is run.
                drop(catch_unwind(AssertUnwindSafe(open)));
            }
            let live = case.at(now());
            let observed = catch_unwind(AssertUnwindSafe(|| host.run(&live.resolved)));
            let observed = observed.unwrap_or_else(|_| {
                let fault = "the gateway did not do its part; the panic above says what";
                Observed { faults: vec![fault.to_owned()], ..Observed::default() }
            });
            Ran { case, live, observed }
        };
        group.iter().map(run).collect()
    }

    /// What no single case shows: a VM that died, memory that grew.
    pub fn wrong(&self) -> Option<String> {
        let log = self.gateway.process().logged();
        let dead = |line: &&str| line.contains("Uncaught") || line.contains("in failed state");
        let died = log.lines().find(dead).map(str::to_owned);
        let grown = self.gateway.process().resident().saturating_sub(self.resident);
        let grown = (grown > MOST_GROWTH).then(|| format!("Envoy grew by {} MiB", grown >> 20));
        died.or(grown)
    }
}

/// Runs one case after the other, in one place as long as their configuration is the same.
struct InEnvoy<'g> {
    gateway: &'g Arc<Gateway>,
    place: Option<(Vec<u8>, Listener, Keys)>,
}

impl InEnvoy<'_> {
    fn is_open_for(&self, case: &Resolved) -> bool {
        self.place.as_ref().is_some_and(|place| place.0 == case.configuration.0)
    }

    fn open(&mut self, case: &Resolved) -> Result<&mut (Vec<u8>, Listener, Keys), String> {
        if !self.is_open_for(case) {
            let keys = Keys::of(case);
            let configuration = case.configuration.0.clone();
            let mut plan = Plan { front: Front::Bare, ..Plan::new(configuration.clone()) };
            for cluster in &case.clusters {
                plan = plan.cluster(cluster, keys.address(cluster));
            }
            let listener = self.gateway.open(plan)?;
            keys.asked();
            self.place = Some((configuration, listener, keys));
        }
        self.place.as_mut().ok_or_else(|| "no listener".to_owned())
    }
}

impl Host for InEnvoy<'_> {
    fn name(&self) -> String {
        "envoy".to_owned()
    }

    fn run(&mut self, case: &Resolved) -> Observed {
        let mut observed = Observed::default();
        let (_, listener, keys) = match self.open(case) {
            Ok(place) => place,
            Err(refused) => return Observed { refused: Some(refused), ..observed },
        };
        let mut starving = false;
        for exchange in &case.exchanges {
            keys.turn_to(exchange, starving);
            let (seen, faults) = exchange::play(listener, exchange);
            let lacks = |receipt: &String| receipt.contains("_unavailable\"");
            starving = seen.receipts.iter().any(lacks) || !keys.are_to_be_had();
            observed.exchanges.push(seen);
            observed.faults.extend(faults);
        }
        observed
    }
}

fn groups<'c>(cases: &[&'c Case]) -> Vec<Group<'c>> {
    let mut together: BTreeMap<_, Group<'c>> = BTreeMap::new();
    let mut alone = Vec::new();
    for case in cases {
        match unchanging(&case.resolved) {
            Some(fetches) if case.subject() != "keys" => {
                let alike = (&case.resolved.configuration.0, fetches);
                together.entry(alike).or_default().push(*case);
            }
            _ => alone.push(vec![*case]),
        }
    }
    let together = together.values().flat_map(|group| group.chunks(MOST_IN_A_GROUP));
    // Those that wait for something come last, which is taken first.
    together.map(<[_]>::to_vec).chain(alone).collect()
}

/// The answer to all fetches, if it is the same good one all the time.
fn unchanging(case: &Resolved) -> Option<String> {
    if case.exchanges.iter().any(|exchange| !exchange.documents.is_empty()) {
        return None;
    }
    let mut answers = case.exchanges.iter().flat_map(|exchange| &exchange.fetches);
    let good = |answer: &FetchAnswer| matches!(answer, FetchAnswer::Answered { status: 200, .. });
    let first = answers.next().filter(|answer| good(answer))?;
    answers.all(|answer| answer == first).then(|| format!("{first:?}"))
}

/// From the end.
fn next<'c>(groups: &Mutex<Vec<Group<'c>>>) -> Option<Group<'c>> {
    groups.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// A good configuration that fetches nothing, for the listener that keeps the module compiled.
fn stays() -> Vec<u8> {
    let base = crate::cases::folder().join("base.json");
    let base = std::fs::read_to_string(base).expect("base.json is there");
    let mut base: Value = serde_json::from_str(&base).expect("base.json is JSON");
    let keys = json!({"inline": Issuer::named("stays").jwks()});
    base["issuers"] =
        json!([{"issuer": "https://a.example", "algorithms": ["ES256"], "keys": keys}]);
    base["agents"] = json!([]);
    base["humans"] = json!([]);
    let text = "@id(\"none\")\nforbid (principal, action, resource);";
    base["policy"]["files"] = json!([{"name": "none.cedar", "text": text}]);
    base.to_string().into_bytes()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

const AT_A_TIME: usize = 16;
/// So that the largest groups are shared out.
const MOST_IN_A_GROUP: usize = 40;
/// Some hundred root contexts on four VMs, and V8's memory never shrinks.
const MOST_GROWTH: u64 = 768 << 20;
