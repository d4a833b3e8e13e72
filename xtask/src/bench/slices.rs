//! Processor time per request of Envoys under full load, each in its turn.
//!
//! Every Envoy is a process of its own, so its processor time is its own. Round by round each variant gets
//! a slice, in an order that turns.

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::load::{CONNECTIONS, Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::stop;
use crate::progress::Running;

/// One gateway under one kind of request.
pub(super) struct Variant<'v> {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    /// Which of the running Envoys.
    pub(super) proxy: usize,
    pub(super) script: Script,
    /// Counters that each have to move by one per request: what is measured has really been done.
    pub(super) counted: &'static [&'static str],
    /// What has to be made anew for each slice.
    pub(super) before: Option<Box<dyn Fn() -> Result<()> + 'v>>,
    /// Of one request, one entry per round.
    pub(super) micros: Sample,
}

/// Warms up, then measures; how many requests there were.
pub(super) fn rounds(
    variants: &mut [Variant<'_>],
    (proxies, wrk): (&[Proxy], &Wrk),
    rounds: u32,
    running: &Running,
) -> Result<u64> {
    let mut order: Vec<usize> = (0..variants.len()).collect();
    let mut total = 0;
    for round in 0..=rounds {
        for index in &order {
            stop::check()?;
            let variant = variants.get_mut(*index).context("no such variant")?;
            running.doing(&format!("round {round} of {rounds}: {}", variant.name));
            let (micros, requests) = variant.slice(proxies, wrk)?;
            // Round 0 is for caches to fill and for V8 to settle.
            if round > 0 {
                variant.micros.0.push(micros);
                total += requests;
            }
        }
        order.rotate_left(1);
    }
    Ok(total)
}

/// Microseconds per request of the variant of that name.
pub(super) fn micros<'v>(variants: &'v [Variant<'_>], name: &str) -> Result<&'v Sample> {
    let variant = variants.iter().find(|variant| variant.name == name);
    variant.map(|variant| &variant.micros).with_context(|| format!("{name} was not measured"))
}

impl Variant<'_> {
    pub(super) fn figure(&self) -> Figure {
        Figure::of(self.name, self.says, &self.micros, "µs")
    }

    /// Microseconds per request, and how many there were.
    fn slice(&self, proxies: &[Proxy], wrk: &Wrk) -> Result<(f64, u64)> {
        let proxy = proxies.get(self.proxy).context("no such Envoy")?;
        if let Some(before) = &self.before {
            before()?;
        }
        let count = || self.counted.iter().map(|c| proxy.counter(c)).collect::<Result<Vec<_>>>();
        let (counted, spent) = (count()?, proxy.spent()?);
        let answered = wrk
            .slice(&self.script, proxy.port)
            .with_context(|| format!("{}: {}", self.name, proxy.said()))?;
        let spent = proxy.spent()?.saturating_sub(spent);
        for ((counter, before), after) in self.counted.iter().zip(counted).zip(count()?) {
            // What was under way when wrk stopped is counted here and not there; on a busy machine what
            // was left of the slice before, too.
            let moved = after.saturating_sub(before);
            let expected = answered.requests..=answered.requests + 2 * CONNECTIONS;
            ensure!(
                expected.contains(&moved),
                "{}: {} requests, but {counter} moved by {moved}",
                self.name,
                answered.requests
            );
        }
        Ok((spent.as_secs_f64() * 1e6 / answered.requests as f64, answered.requests))
    }
}
