//! Running cases in Envoy, many at a time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use host_tests::cases::{Case, FetchAnswer, Resolved};
use host_tests::envoy::{Front, Gateway, Issuer, Listener, Plan};
use host_tests::runner::{Host, Observed};
use serde_json::{Value, json};

use crate::exchange;
use crate::keys::Keys;

/// One Envoy for all cases.
pub(crate) struct Envoy {
    gateway: Arc<Gateway>,
    resident: u64,
}

/// Cases that can share a listener, one after the other: same configuration, and keys that are
/// always to be had.
type Group<'c> = Vec<&'c Case>;

/// A case, the same case as it was run, and what came of it.
type Ran<'c> = (&'c Case, Case, Observed);

impl Envoy {
    pub(crate) fn start() -> Self {
        let gateway = Gateway::start(&Plan::new(stays()));
        let resident = gateway.process().resident();
        Self { gateway, resident }
    }

    pub(crate) fn run_all<'c>(&self, cases: &[&'c Case]) -> Vec<Ran<'c>> {
        let groups = Mutex::new(groups(cases));
        let ran = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| {
                    while let Some(group) = next(&groups) {
                        let results = self.run_group(&group);
                        ran.lock().unwrap().extend(results);
                    }
                });
            }
        });
        ran.into_inner().unwrap()
    }

    fn run_group<'c>(&self, group: &Group<'c>) -> Vec<Ran<'c>> {
        let mut host = InEnvoy { gateway: &self.gateway, place: None };
        group
            .iter()
            .map(|case| {
                let live = case.at(now());
                let run = catch_unwind(AssertUnwindSafe(|| host.run(&live.resolved)));
                let broken = |_| Observed {
                    faults: vec!["the gateway did not do its part; see above".to_owned()],
                    ..Observed::default()
                };
                (*case, live, run.unwrap_or_else(broken))
            })
            .collect()
    }

    /// What no single case shows: a VM that died, memory that grew.
    pub(crate) fn wrong(&self) -> Option<String> {
        let log = self.gateway.process().logged();
        let died = log.lines().find(|line| line.contains("Uncaught") || line.contains("in failed state"));
        let grown = self.gateway.process().resident().saturating_sub(self.resident);
        println!("envoy: {} MiB more than at the start", grown >> 20);
        let grown = (grown > MOST_GROWTH).then(|| format!("Envoy grew by {} MiB", grown >> 20));
        died.map(str::to_owned).or(grown)
    }
}

/// A host for one case after the other; those of one group in one place.
struct InEnvoy<'g> {
    gateway: &'g Arc<Gateway>,
    place: Option<(Vec<u8>, Listener, Keys)>,
}

impl InEnvoy<'_> {
    fn open(&mut self, case: &Resolved) -> Result<(), String> {
        let same = |place: &(Vec<u8>, Listener, Keys)| place.0 == case.configuration.0;
        if self.place.as_ref().is_some_and(same) {
            return Ok(());
        }
        let keys = Keys::of(case);
        let mut plan = Plan { front: Front::Bare, ..Plan::new(case.configuration.0.clone()) };
        for cluster in &case.clusters {
            plan = plan.cluster(cluster, keys.server().address());
        }
        let listener = self.gateway.open(plan)?;
        keys.asked();
        self.place = Some((case.configuration.0.clone(), listener, keys));
        Ok(())
    }
}

impl Host for InEnvoy<'_> {
    fn name(&self) -> String {
        "envoy".to_owned()
    }

    fn run(&mut self, case: &Resolved) -> Observed {
        let mut observed = Observed::default();
        if let Err(refused) = self.open(case) {
            return Observed { refused: Some(refused), ..observed };
        }
        let (_, listener, keys) = self.place.as_mut().expect("it is open");
        let mut starving = false;
        for exchange in &case.exchanges {
            keys.turn_to(exchange, starving);
            let (seen, faults) = exchange::play(listener, exchange);
            starving = seen.receipts.iter().any(|receipt| receipt.contains("keys_unavailable"));
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
    let mut answers = case.exchanges.iter().flat_map(|exchange| &exchange.fetches);
    let good = |answer: &FetchAnswer| matches!(answer, FetchAnswer::Answered { status: 200, .. });
    let shown = |answer: &FetchAnswer| serde_json::to_string(answer).unwrap();
    let first = answers.next().filter(|answer| good(answer)).map(shown)?;
    answers.all(|answer| shown(answer) == first).then_some(first)
}

/// From the end.
fn next<'c>(groups: &Mutex<Vec<Group<'c>>>) -> Option<Group<'c>> {
    groups.lock().unwrap().pop()
}

/// A good configuration that fetches nothing.
fn stays() -> Vec<u8> {
    let base = host_tests::cases::folder().join("base.json");
    let mut base: Value = serde_json::from_str(&std::fs::read_to_string(base).unwrap()).unwrap();
    let keys = json!({"inline": Issuer::named("stays").jwks()});
    base["issuers"] = json!([{"issuer": "https://a.example", "algorithms": ["ES256"], "keys": keys}]);
    base["agents"] = json!([]);
    base["humans"] = json!([]);
    let text = "@id(\"none\")\nforbid (principal, action, resource);";
    base["policy"]["files"] = json!([{"name": "none.cedar", "text": text}]);
    base.to_string().into_bytes()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Most of the time is spent waiting: for listeners, for keys.
const AT_A_TIME: usize = 16;
const MOST_IN_A_GROUP: usize = 40;
/// Some hundred root contexts on four VMs, and V8's memory never shrinks.
const MOST_GROWTH: u64 = 768 << 20;
