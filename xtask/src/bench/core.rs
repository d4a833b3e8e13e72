//! The group `core`: what a decision costs in Envoy and out of it, and what the module costs to load.

use anyhow::Result;

use super::figure::Figure;
use super::load::Wrk;
use super::world::World;
use super::{native, requests, startup};
use crate::{envoy, place, progress};

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let wrk = Wrk::obtain()?;
    let envoy = progress::step("envoy", |running| {
        let envoy = envoy::obtain(running)?;
        let said = format!("{} at {}", envoy.version, place::shown(&envoy.program));
        Ok((envoy, said))
    })?;
    let world = World::build()?;
    let mut figures = requests::measure(&world, &envoy, &wrk, rounds)?;
    figures.extend(native::measure(&world, rounds)?);
    figures.extend(startup::measure(&world, &envoy)?);
    Ok(figures)
}
