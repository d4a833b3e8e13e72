//! What is measured without a gateway: one thread, its processor time, every subject in each round, in an
//! order that turns.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::clock;

/// One thing to do, once per call.
pub(crate) type Once<'w> = Box<dyn FnMut() -> Result<()> + 'w>;

/// Something measured, once per call.
pub(crate) struct Subject<'w> {
    name: String,
    once: Once<'w>,
    /// As many as fill a slice.
    times: u32,
    /// Microseconds each, one entry per round.
    micros: Vec<f64>,
}

/// `{subject: [microseconds in round 1, in round 2, …]}`.
pub(crate) fn measure(mut subjects: Vec<Subject<'_>>, rounds: usize) -> Result<Value> {
    for subject in &mut subjects {
        subject.calibrate()?;
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            subject.slice()?;
        }
        subjects.rotate_left(1);
    }
    let members = subjects.into_iter().map(|subject| (subject.name, json!(subject.micros)));
    Ok(Value::Object(members.collect::<Map<_, _>>()))
}

impl<'w> Subject<'w> {
    pub(crate) fn new(name: impl Into<String>, once: Once<'w>) -> Self {
        Self { name: name.into(), once, times: 1, micros: Vec::new() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
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

/// Long against the clock's grain, short against what else happens on the machine.
const SLICE: Duration = Duration::from_millis(40);
