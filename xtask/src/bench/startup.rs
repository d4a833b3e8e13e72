//! How long Envoy is busy before it serves, with Deputy's module and with one of Cedar alone.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::figure::Figure;
use super::gateway;
use super::proxy::Proxy;
use super::sample::Sample;
use super::stop;
use super::world::World;
use crate::envoy::Envoy;
use crate::progress;

/// Until the first request is answered: processor seconds, and by the clock.
#[derive(Default)]
struct Readiness {
    spent: Sample,
    elapsed: Sample,
}

pub(super) fn measure(world: &World, envoy: &Envoy, alone: &Path) -> Result<Vec<Figure>> {
    let (mut deputy, mut cedar) = (Readiness::default(), Readiness::default());
    progress::step("readiness", |running| {
        for start in 1..=STARTS {
            running.doing(&format!("start {start} of {STARTS}"));
            deputy.start(world, envoy, "ready-deputy", &gateway::deputy(world, "deputy.json")?)?;
            let filters = gateway::cedar_alone(world, alone)?;
            cedar.start(world, envoy, "ready-cedar-alone", &filters)?;
        }
        Ok(((), format!("{STARTS} starts each")))
    })?;
    let ratio = deputy.spent.over(&cedar.spent);
    Ok(vec![
        Figure::exact("module_size", "size of the module", megabytes(&world.module)?, "MB")
            .at_most(3.5),
        Figure::exact(
            "cedar_alone_size",
            "size of a module of Cedar alone",
            megabytes(alone)?,
            "MB",
        ),
        Figure::of(
            "ready_deputy",
            "processor time until Envoy serves, with Deputy",
            &deputy.spent,
            "s",
        ),
        Figure::of("ready_cedar_alone", "the same, with Cedar alone", &cedar.spent, "s"),
        Figure::of("ready_over_cedar_alone", "Deputy over Cedar alone", &ratio, "×").at_most(2.0),
        Figure::of(
            "ready_deputy_elapsed",
            "time until Envoy serves, with Deputy",
            &deputy.elapsed,
            "s",
        ),
        Figure::of("ready_cedar_alone_elapsed", "the same, with Cedar alone", &cedar.elapsed, "s"),
    ])
}

impl Readiness {
    fn start(
        &mut self,
        world: &World,
        envoy: &Envoy,
        name: &str,
        filters: &[serde_json::Value],
    ) -> Result<()> {
        stop::check()?;
        let mut proxy =
            Proxy::start(envoy, &world.folder, name, (filters, gateway::Beside::Nothing))?;
        let elapsed = proxy.answers(&world.request("http")?)?;
        self.spent.0.push(proxy.spent()?.as_secs_f64());
        self.elapsed.0.push(elapsed.as_secs_f64());
        Ok(())
    }
}

fn megabytes(file: &Path) -> Result<f64> {
    let size = fs::metadata(file).with_context(|| format!("there is no {}", file.display()))?.len();
    Ok(size as f64 / 1e6)
}

/// Seconds each; they hardly differ.
const STARTS: u32 = 3;
