//! Decisions without a gateway: the engine, and Cedar alone on the same questions.
//!
//! One thread, its processor time, every subject in each round, in an order that turns. A decision is
//! everything a host asks of the engine for a request: head in, verdict, header edits and the
//! receipt's text out.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use deputy_engine::engine::Engine;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Disposition, Outcome, Step};
use serde_json::{Map, Value, json};

use crate::asking::{Asking, head};
use crate::cedar::Alone;
use crate::clock;
use crate::world::World;

/// Something measured, once per call.
struct Subject<'w> {
    name: &'static str,
    once: Box<dyn FnMut() -> Result<()> + 'w>,
    /// As many as fill a slice.
    times: u32,
    /// Microseconds each, one entry per round.
    micros: Vec<f64>,
}

/// `{subject: [microseconds in round 1, in round 2, …]}`.
pub(crate) fn measure(world: &World, rounds: usize) -> Result<Value> {
    let (http, tools_call) = (Asking::http(), Asking::tools_call());
    let alone = [Alone::new(world, &http)?, Alone::new(world, &tools_call)?];
    let [alone_http, alone_tools_call] = &alone;
    same_answers(world, &http, alone_http)?;
    same_answers(world, &tools_call, alone_tools_call)?;
    let mut subjects = vec![
        Subject::new("http", warm(world, &http)?),
        Subject::new("tools_call", warm(world, &tools_call)?),
        Subject::new("cedar_http", Box::new(|| allowed(black_box(alone_http).decide()))),
        Subject::new(
            "cedar_tools_call",
            Box::new(|| allowed(black_box(alone_tools_call).decide())),
        ),
        Subject::new("first_sight", first_sight(world, &http)?),
    ];
    for subject in &mut subjects {
        subject.calibrate()?;
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            subject.slice()?;
        }
        subjects.rotate_left(1);
    }
    let members =
        subjects.into_iter().map(|subject| (subject.name.to_owned(), json!(subject.micros)));
    Ok(Value::Object(members.collect::<Map<_, _>>()))
}

impl<'w> Subject<'w> {
    fn new(name: &'static str, once: Box<dyn FnMut() -> Result<()> + 'w>) -> Self {
        Self { name, once, times: 1, micros: Vec::new() }
    }

    /// Finds out how often fits a slice; warms everything up while it does.
    fn calibrate(&mut self) -> Result<()> {
        while self.run()? < SLICE {
            self.times = self.times.saturating_mul(2);
        }
        Ok(())
    }

    fn slice(&mut self) -> Result<()> {
        let took = self.run()?;
        self.micros.push(took.as_secs_f64() * 1e6 / f64::from(self.times));
        Ok(())
    }

    fn run(&mut self) -> Result<Duration> {
        let before = clock::spent();
        for _ in 0..self.times {
            (self.once)()?;
        }
        Ok(clock::spent().saturating_sub(before))
    }
}

/// The same token again and again: its signature was checked once.
fn warm<'w>(world: &World, asking: &Asking) -> Result<Box<dyn FnMut() -> Result<()> + 'w>> {
    let mut engine = engine(world)?;
    let (pairs, body) = (asking.pairs(&world.token(0)), asking.body.clone());
    let mut arrivals = Arrivals::new(world);
    Ok(Box::new(move || allowed_by(&mut engine, &pairs, &body, arrivals.next()).map(drop)))
}

/// Every token as if never seen: there are more than the engine remembers.
fn first_sight<'w>(world: &World, asking: &Asking) -> Result<Box<dyn FnMut() -> Result<()> + 'w>> {
    let mut engine = engine(world)?;
    let all: Vec<_> = (0..TOKENS).map(|number| asking.pairs(&world.token(number))).collect();
    let mut arrivals = Arrivals::new(world);
    let mut next = 0;
    Ok(Box::new(move || {
        let pairs = all.get(next).context("no token")?;
        next = (next + 1) % all.len();
        allowed_by(&mut engine, pairs, "", arrivals.next()).map(drop)
    }))
}

/// Engine and yardstick do the same work: they name the same policies.
fn same_answers(world: &World, asking: &Asking, alone: &Alone) -> Result<()> {
    let mut engine = engine(world)?;
    let pairs = asking.pairs(&world.token(0));
    let receipt = allowed_by(&mut engine, &pairs, &asking.body, Arrivals::new(world).next())?;
    let receipt: Value = serde_json::from_str(&receipt)?;
    let [agent, delegator] = alone.reasons()?;
    let alone = json!({"agent": agent, "delegator": delegator});
    let engine = receipt.get("policies").cloned().unwrap_or_default();
    ensure!(engine == alone, "the engine decided by {engine}, Cedar alone by {alone}");
    Ok(())
}

fn engine(world: &World) -> Result<Engine> {
    let configuration = world.configuration.to_string();
    Engine::new(configuration.as_bytes()).map_err(|problems| anyhow::anyhow!("{problems}"))
}

/// One decision, as a host has it made; its receipt, if it is a yes.
fn allowed_by(
    engine: &mut Engine,
    pairs: &[(Vec<u8>, Vec<u8>)],
    body: &str,
    arrival: Arrival,
) -> Result<String> {
    let step = match engine.begin(head(pairs), arrival) {
        Step::Body(need) => need.provide(engine, body.as_bytes().to_vec(), arrival.now),
        step => step,
    };
    let Step::Decided(outcome) = step else { bail!("no decision: {step:?}") };
    let Outcome { receipt, disposition, .. } = *outcome;
    let receipt = receipt.to_json();
    match disposition {
        Disposition::Forward(forward) => {
            black_box(forward.edits());
            Ok(receipt)
        }
        Disposition::Reply(_) => bail!("refused: {receipt}"),
    }
}

fn allowed(yes: bool) -> Result<()> {
    if yes { Ok(()) } else { bail!("Cedar alone said no") }
}

/// Requests a millisecond apart, each with entropy of its own.
struct Arrivals {
    millis: u64,
}

impl Arrivals {
    fn new(world: &World) -> Self {
        Self { millis: world.now * 1000 }
    }

    fn next(&mut self) -> Arrival {
        // Round and round within a minute: the token must not run out.
        self.millis = self.millis - self.millis % 60_000 + (self.millis + 1) % 60_000;
        let [a, b, c, d, e, f, g, h] = self.millis.to_le_bytes();
        Arrival {
            now: Timestamp::from_unix_millis(self.millis),
            entropy: [a, b, c, d, e, f, g, h, 0, 0],
        }
    }
}

/// Long against the clock's grain, short against what else happens on the machine.
const SLICE: Duration = Duration::from_millis(40);
/// Twice as many as the engine's cache holds.
const TOKENS: usize = 2048;
