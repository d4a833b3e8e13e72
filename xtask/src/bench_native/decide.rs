//! Decisions without a gateway: the engine, and Cedar alone on the same questions.
//!
//! A decision is everything a host asks of the engine for a request: head in, verdict, header edits
//! and the receipt's text out.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::{Context as _, Result, bail, ensure};
use deputy_engine::engine::Engine;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Disposition, Held, Outcome, Step};
use serde_json::{Value, json};

use crate::asking::{Asking, head};
use crate::cedar::Alone;
use crate::subject::{self, Once, Subject};
use crate::world::World;

/// `{subject: [microseconds in round 1, in round 2, …]}`.
pub(crate) fn measure(world: &World, rounds: usize) -> Result<Value> {
    let (http, tools_call) = (Asking::http(), Asking::tools_call());
    let alone = [Alone::new(world, &http)?, Alone::new(world, &tools_call)?];
    let [alone_http, alone_tools_call] = &alone;
    same_answers(world, &http, alone_http)?;
    same_answers(world, &tools_call, alone_tools_call)?;
    let tokens = (0..TOKENS).map(|number| world.token(number)).collect();
    let subjects = vec![
        Subject::new("http", warm(world, &http)?),
        Subject::new("tools_call", warm(world, &tools_call)?),
        Subject::new("cedar_http", Box::new(|| allowed(black_box(alone_http).decide()))),
        Subject::new(
            "cedar_tools_call",
            Box::new(|| allowed(black_box(alone_tools_call).decide())),
        ),
        Subject::new("first_sight", first_sight(world, &http, tokens)?),
    ];
    subject::measure(subjects, rounds)
}

/// The same token again and again: its signature was checked once.
pub(crate) fn warm<'w>(world: &World, asking: &Asking) -> Result<Once<'w>> {
    let (mut host, body) = (Host::new(world)?, asking.body.clone());
    let pairs = asking.pairs(&world.token(0));
    Ok(Box::new(move || host.allowed(&pairs, &body)))
}

/// Every token as if never seen: there are more than the engine remembers.
pub(crate) fn first_sight<'w>(
    world: &World,
    asking: &Asking,
    tokens: Vec<String>,
) -> Result<Once<'w>> {
    let mut host = Host::new(world)?;
    let all: Vec<_> = tokens.iter().map(|token| asking.pairs(token)).collect();
    let mut next = 0;
    Ok(Box::new(move || {
        let pairs = all.get(next).context("no token")?;
        next = (next + 1) % all.len();
        host.allowed(pairs, "")
    }))
}

/// Engine and yardstick do the same work: they name the same policies.
fn same_answers(world: &World, asking: &Asking, alone: &Alone) -> Result<()> {
    let pairs = asking.pairs(&world.token(0));
    let (outcome, receipt) = Host::new(world)?.decided(&pairs, &asking.body)?;
    ensure!(outcome, "refused: {receipt}");
    same(&receipt, alone)
}

/// The policies that a receipt names are those that Cedar alone names.
pub(crate) fn same(receipt: &str, alone: &Alone) -> Result<()> {
    let receipt: Value = serde_json::from_str(receipt)?;
    let [agent, delegator] = alone.reasons()?;
    let alone = json!({"agent": agent, "delegator": delegator});
    let engine = receipt.get("policies").cloned().unwrap_or_default();
    ensure!(engine == alone, "the engine decided by {engine}, Cedar alone by {alone}");
    Ok(())
}

/// An engine and what a host has for it: a clock and a store.
pub(crate) struct Host {
    engine: Engine,
    store: BTreeMap<String, Held>,
    millis: u64,
}

impl Host {
    pub(crate) fn new(world: &World) -> Result<Self> {
        let configuration = world.configuration.to_string();
        let engine = Engine::new(configuration.as_bytes());
        let engine = engine.map_err(|problems| anyhow::anyhow!("{problems}"))?;
        Ok(Self::with(engine, world.now))
    }

    /// With an engine that has learned something, at that second.
    pub(crate) fn with(engine: Engine, now: u64) -> Self {
        Self { engine, store: BTreeMap::new(), millis: now * 1000 }
    }

    /// One decision, which must be a yes.
    pub(crate) fn allowed(&mut self, pairs: &[(Vec<u8>, Vec<u8>)], body: &str) -> Result<()> {
        let (allowed, receipt) = self.decided(pairs, body)?;
        ensure!(allowed, "refused: {receipt}");
        Ok(())
    }

    /// One decision, as a host has it made: whether it is a yes, and its receipt.
    pub(crate) fn decided(
        &mut self,
        pairs: &[(Vec<u8>, Vec<u8>)],
        body: &str,
    ) -> Result<(bool, String)> {
        let Outcome { receipt, disposition, .. } = self.outcome(pairs, body)?;
        let receipt = receipt.to_json();
        match disposition {
            Disposition::Forward(forward) => {
                black_box(forward.edits());
                Ok((true, receipt))
            }
            Disposition::Reply(reply) => {
                black_box(reply);
                Ok((false, receipt))
            }
        }
    }

    /// The same, with all that comes of it.
    pub(crate) fn outcome(&mut self, pairs: &[(Vec<u8>, Vec<u8>)], body: &str) -> Result<Outcome> {
        let arrival = self.arrival();
        let (engine, now) = (&mut self.engine, arrival.now);
        let mut step = engine.begin(head(pairs), arrival);
        loop {
            step = match step {
                Step::Decided(outcome) => return Ok(*outcome),
                Step::Body(need) => need.provide(engine, body.as_bytes().to_vec(), now),
                Step::Recall(need) => {
                    let held = self.store.get(&need.name()).cloned();
                    need.provide(engine, held, now)
                }
                Step::Remember(need) => {
                    let version = need.version().map_or(1, |version| version + 1);
                    let held = Held { value: need.value().to_vec(), version };
                    self.store.insert(need.name(), held);
                    need.stored(engine, now)
                }
                step => bail!("no decision: {step:?}"),
            };
        }
    }

    /// Requests a millisecond apart, each with entropy of its own.
    fn arrival(&mut self) -> Arrival {
        // Round and round within a minute: the token must not run out.
        self.millis = self.millis - self.millis % 60_000 + (self.millis + 1) % 60_000;
        let [a, b, c, d, e, f, g, h] = self.millis.to_le_bytes();
        Arrival {
            now: Timestamp::from_unix_millis(self.millis),
            entropy: [a, b, c, d, e, f, g, h, 0, 0],
        }
    }
}

fn allowed(yes: bool) -> Result<()> {
    if yes { Ok(()) } else { bail!("Cedar alone said no") }
}

/// Twice as many as the engine's cache holds.
const TOKENS: usize = 2048;
