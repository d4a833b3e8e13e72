//! The group `core`: what a decision costs in Envoy and out of it, and what the module costs to load.

use anyhow::Result;

use super::figure::Figure;
use super::load::Wrk;
use super::world::{World, cedar_alone};
use super::{gateway, native, requests, startup};

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let (wrk, envoy) = (Wrk::obtain()?, gateway::envoy()?);
    let (world, cedar_alone) = (World::build()?, cedar_alone()?);
    let mut figures = requests::measure(&world, &envoy, &wrk, rounds)?;
    figures.extend(native::measure(&world, rounds)?);
    figures.extend(startup::measure(&world, &envoy, &cedar_alone)?);
    Ok(figures)
}
