//! The group `authority`: what a decision, a load and a reload cost in companies of several sizes: natively, in the
//! module itself under wasmtime, and on Envoy.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::figure::Figure;
use super::load::Wrk;
use super::sample::Sample;
use super::vm::{Measured, measured};
use super::world::World;
use super::{gateway, reload, vm};
use crate::cargo::run;
use crate::{place, progress};

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let (wrk, envoy) = (Wrk::obtain()?, gateway::envoy()?);
    let world = World::build()?;
    let native = authorize(&world, rounds)?;
    let module = in_vm(&world, rounds)?;
    let mut figures = Vec::new();
    figures.extend(decisions(&native, &NATIVE)?);
    figures.extend(decisions(&module, &MODULE)?);
    figures.extend(loads(&module)?);
    figures.extend(reload::measure(&world, &envoy, &wrk, rounds)?);
    Ok(figures)
}

fn authorize(world: &World, rounds: u32) -> Result<Measured> {
    progress::step("authorize", |_| {
        let mut measure = Command::new(&world.native);
        let sizes = sizes().into_iter().filter(|size| !size.ends_with('d'));
        measure.arg("authorize").arg(place::root()).arg(rounds.to_string()).args(sizes);
        Ok((measured(&mut measure)?, "decisions in companies of several sizes".to_owned()))
    })
}

fn in_vm(world: &World, rounds: u32) -> Result<Measured> {
    progress::step("bench-vm", |running| {
        running.doing("companies");
        let folder = world.file("companies");
        let mut write = Command::new(&world.native);
        write.arg("companies").arg(place::root()).arg(&folder).args(sizes());
        run(write, running)?;
        let mut measure = vm::program(running)?;
        running.doing("loading, deciding");
        measure.arg(&world.module).arg(&folder).arg(rounds.to_string()).args(sizes());
        Ok((measured(&mut measure)?, "the same in the module, under wasmtime".to_owned()))
    })
}

fn of(measured: &Measured, what: &str, size: &str) -> Result<Sample> {
    let subject = format!("{what} {size}");
    measured.get(&subject).cloned().with_context(|| format!("{subject} was not measured"))
}

/// A row of decisions by size, and how much more the dearest costs than the cheapest, round by round.
fn decisions(measured: &Measured, rows: &[Row]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for row in rows {
        let mut all = Vec::new();
        for (name, says, size) in row.sizes {
            let sample = of(measured, row.what, size)?;
            figures.push(Figure::of(name, says, &sample, "µs"));
            all.push(sample);
        }
        if let Some((name, says)) = row.ratio {
            figures.push(Figure::of(name, says, &spread(&all), "×").at_most(1.5));
        }
    }
    Ok(figures)
}

/// The largest over the smallest of each round.
fn spread(all: &[Sample]) -> Sample {
    let rounds = all.iter().map(|sample| sample.0.len()).min().unwrap_or_default();
    let of_round = |round: usize| {
        let numbers = all.iter().filter_map(move |sample| sample.0.get(round).copied());
        let (least, most) = (numbers.clone().fold(f64::MAX, f64::min), numbers.fold(0.0, f64::max));
        most / least
    };
    Sample((0..rounds).map(of_round).collect())
}

fn loads(module: &Measured) -> Result<Vec<Figure>> {
    let median = |what, size| Ok::<_, anyhow::Error>(of(module, what, size)?.median());
    let per_million = |what| {
        Ok::<_, anyhow::Error>((median(what, AGENTS_MOST)? - median(what, AGENTS_FEW)?) / 1e6)
    };
    let stall = median("longest", RELOAD)?.max(median("longest again", RELOAD)?);
    let figure = Figure::exact;
    Ok(vec![
        figure(
            "load_100000_policies",
            "module: work to load 100,000 policies",
            median("load", POLICIES_MOST)? / 1e6,
            "s",
        )
        .at_most(10.0),
        figure(
            "memory_100000_policies",
            "module: memory for 100,000 policies, the signed document included",
            median("memory", POLICIES_MOST)? / 1e6,
            "MB",
        )
        .at_most(400.0),
        figure("load_1000000_agents", "module: work to load 1,000,000 agents", per_million("load")?, "s"),
        figure(
            "memory_per_agent",
            "module: memory that each of 1,000,000 agents keeps",
            per_million("memory again")?,
            "B",
        )
        .at_most(120.0),
        figure(
            "memory_per_agent_loading",
            "module: the same while it is loaded, the signed document included",
            per_million("memory")?,
            "B",
        ),
        figure(
            "longest_callback",
            "module: the longest callback while 10,000 policies and 100,000 agents are loaded or replaced",
            stall / 1e3,
            "ms",
        )
        .at_most(10.0),
    ])
}

/// One kind of figure at several sizes.
struct Row {
    what: &'static str,
    sizes: [(&'static str, &'static str, &'static str); 4],
    ratio: Option<(&'static str, &'static str)>,
}

fn sizes() -> Vec<&'static str> {
    let mut all: Vec<_> =
        MODULE.iter().flat_map(|row| row.sizes).map(|(_, _, size)| size).collect();
    all.push(RELOAD);
    all.sort_unstable();
    all.dedup();
    all
}

/// Policies and agents.
const POLICIES_MOST: &str = "100000x1000";
const AGENTS_FEW: &str = "1000x100";
const AGENTS_MOST: &str = "1000x1000000";
const RELOAD: &str = "10000x100000";

const NATIVE: [Row; 3] = [
    Row {
        what: "decide",
        sizes: [
            ("native_10_policies", "native: a decision, 10 policies", "10x1000"),
            ("native_1000_policies", "native: 1,000 policies", "1000x1000"),
            ("native_10000_policies", "native: 10,000 policies", "10000x1000"),
            ("native_100000_policies", "native: 100,000 policies", POLICIES_MOST),
        ],
        ratio: Some(("native_policies_spread", "native: the largest over the smallest of these")),
    },
    Row {
        what: "cedar",
        sizes: [
            (
                "cedar_10_policies",
                "native: Cedar's authorizer, both questions, 10 policies",
                "10x1000",
            ),
            ("cedar_1000_policies", "native: Cedar's authorizer, 1,000 policies", "1000x1000"),
            ("cedar_10000_policies", "native: Cedar's authorizer, 10,000 policies", "10000x1000"),
            (
                "cedar_100000_policies",
                "native: Cedar's authorizer, 100,000 policies",
                POLICIES_MOST,
            ),
        ],
        ratio: None,
    },
    Row {
        what: "decide",
        sizes: [
            ("native_100_agents", "native: a decision, 100 agents", AGENTS_FEW),
            ("native_1000_agents", "native: 1,000 agents", "1000x1000"),
            ("native_100000_agents", "native: 100,000 agents", "1000x100000"),
            ("native_1000000_agents", "native: 1,000,000 agents", AGENTS_MOST),
        ],
        ratio: Some(("native_agents_spread", "native: the largest over the smallest of these")),
    },
];

const MODULE: [Row; 4] = [
    Row {
        what: "decide",
        sizes: [
            ("module_10_policies", "module: a decision, 10 policies", "10x1000"),
            ("module_1000_policies", "module: 1,000 policies", "1000x1000"),
            ("module_10000_policies", "module: 10,000 policies", "10000x1000"),
            ("module_100000_policies", "module: 100,000 policies", POLICIES_MOST),
        ],
        ratio: Some(("module_policies_spread", "module: the largest over the smallest of these")),
    },
    Row {
        what: "decide",
        sizes: [
            ("module_100_agents", "module: a decision, 100 agents", AGENTS_FEW),
            ("module_1000_agents", "module: 1,000 agents", "1000x1000"),
            ("module_100000_agents", "module: 100,000 agents", "1000x100000"),
            ("module_1000000_agents", "module: 1,000,000 agents", AGENTS_MOST),
        ],
        ratio: Some(("module_agents_spread", "module: the largest over the smallest of these")),
    },
    Row {
        what: "load",
        sizes: [
            ("module_load_10_policies", "module: work to load 10 policies", "10x1000"),
            ("module_load_1000_policies", "module: work to load 1,000 policies", "1000x1000"),
            ("module_load_10000_policies", "module: work to load 10,000 policies", "10000x1000"),
            ("module_load_reload", "module: 10,000 policies and 100,000 agents", RELOAD),
        ],
        ratio: None,
    },
    Row {
        what: "load",
        sizes: [
            (
                "module_load_1000_distinct",
                "module: 1,000 policies, each with a condition of its own",
                "1000x1000d",
            ),
            (
                "module_load_10000_distinct",
                "module: 10,000 policies, each with a condition of its own",
                "10000x1000d",
            ),
            ("module_load_100000_same", "module: 100,000 policies of three shapes", POLICIES_MOST),
            (
                "module_load_100000_distinct",
                "module: 100,000 policies, each with a condition of its own",
                "100000x1000d",
            ),
        ],
        ratio: None,
    },
];
