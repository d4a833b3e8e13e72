//! A bundle of 10 MB is replaced under load, on Envoy: how long requests wait meanwhile, and by which revision
//! each of them was decided.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::bundles::Bundles;
use super::figure::Figure;
use super::gateway;
use super::load::{CONNECTIONS, Load, Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::stop;
use super::world::World;
use crate::cargo::run;
use crate::envoy::Envoy;
use crate::place;
use crate::progress::{self, Running};

/// A gateway under load, and the bundles it gets.
struct Stage<'w> {
    world: &'w World,
    proxy: Proxy,
    bundles: Bundles,
    script: Script,
    wrk: &'w Wrk,
    revision: u64,
    /// How much of the gateway's log has been looked at.
    read: u64,
}

/// What was seen, one entry per round.
#[derive(Default)]
struct Seen {
    /// What 99 of 100 requests did not exceed, in milliseconds.
    before: Sample,
    during: Sample,
    /// Seconds from publishing to the first decision by it.
    took: Sample,
    requests: u64,
}

pub(super) fn measure(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    progress::step("revisions", |running| {
        let count = u64::from(rounds) + 2;
        let mut write = Command::new(&world.native);
        write.arg("revisions").arg(place::root()).arg(&world.folder);
        write.arg(SIZE).arg(count.to_string());
        run(write, running)?;
        Ok(((), format!("{count} bundles of {} MB", size(world, FIRST)? / 1_000_000)))
    })?;
    let seen = progress::step("reloads", |running| {
        let seen = Stage::start(world, envoy, wrk)?.rounds(rounds, running)?;
        let says = format!(
            "{} requests, none failed, each receipt of one revision, in {rounds} reloads",
            seen.requests
        );
        Ok((seen, says))
    })?;
    let ratio = seen.during.over(&seen.before);
    Ok(vec![
        Figure::exact("reload_bundle", "size of a bundle", size(world, FIRST)? as f64 / 1e6, "MB"),
        Figure::of("reload_took", "Envoy: from publishing it to deciding by it", &seen.took, "s"),
        Figure::of(
            "reload_before_p99",
            "Envoy: 99 of 100 requests wait no longer",
            &seen.before,
            "ms",
        ),
        Figure::of(
            "reload_during_p99",
            "the same, in the worst second until it is in force",
            &seen.during,
            "ms",
        ),
        Figure::of("reload_over_before", "the second over the first", &ratio, "×").at_most(2.0),
    ])
}

impl<'w> Stage<'w> {
    fn start(world: &'w World, envoy: &Envoy, wrk: &'w Wrk) -> Result<Self> {
        let request = world.request("reload-request")?;
        let script = Script::write(&world.folder, "reload", &request)?.paced(MILLIS)?;
        let bundles = Bundles::serve(&FIRST.to_string(), bundle(world, FIRST)?)?;
        let filters = gateway::deputy(world, "reload.json")?;
        let setting = (filters.as_slice(), gateway::Beside::Bundles(bundles.port));
        let mut proxy = Proxy::start(envoy, &world.folder, "reload", setting)?;
        let began = Instant::now();
        // Without its bundle it refuses.
        while proxy.answers(&request).is_err() {
            stop::check()?;
            ensure!(began.elapsed() < PATIENCE, "no bundle gets into force:\n\n{}", proxy.said());
        }
        let read = proxy.revisions(0)?.1;
        Ok(Self { world, proxy, bundles, script, wrk, revision: FIRST, read })
    }

    fn rounds(mut self, rounds: u32, running: &Running) -> Result<Seen> {
        let mut seen = Seen::default();
        for round in 0..=rounds {
            running.doing(&format!("reload {round} of {rounds}"));
            // The first is for caches to fill, for V8 to settle, and for memory to be there.
            let mut unseen = Seen::default();
            self.reload(if round > 0 { &mut seen } else { &mut unseen })?;
        }
        Ok(seen)
    }

    fn reload(&mut self, seen: &mut Seen) -> Result<()> {
        let before = self.slice(seen)?;
        let next = self.revision + 1;
        let bundle = bundle(self.world, next)?;
        let published = Instant::now();
        self.bundles.publish(&next.to_string(), bundle);
        let mut worst: f64 = 0.0;
        let mut decided = false;
        while !decided {
            stop::check()?;
            ensure!(published.elapsed() < PATIENCE, "no reload:\n\n{}", self.proxy.said());
            worst = worst.max(self.slice(seen)?);
            decided = self.check(next)?;
        }
        seen.before.0.push(before);
        seen.during.0.push(worst);
        seen.took.0.push(published.elapsed().as_secs_f64());
        self.revision = next;
        Ok(())
    }

    /// A second of requests, every one of which must be let through: what 99 of 100 did not exceed, in
    /// milliseconds.
    fn slice(&self, seen: &mut Seen) -> Result<f64> {
        let answered = self.wrk.start(&self.script, self.proxy.port, &SECOND)?.finish()?;
        seen.requests += answered.requests;
        Ok(answered.p99_micros as f64 / 1e3)
    }

    /// Whether the new revision decides. Until then each receipt is of the one before, from then on none is.
    fn check(&mut self, next: u64) -> Result<bool> {
        let (revisions, read) = self.proxy.revisions(self.read)?;
        self.read = read;
        ensure!(!revisions.is_empty(), "no receipt of a second with {CONNECTIONS} connections");
        let old = revisions.iter().take_while(|revision| **revision == self.revision).count();
        let mut rest = revisions.iter().skip(old);
        ensure!(rest.all(|revision| *revision == next), "revisions come and go: {revisions:?}");
        Ok(revisions.last() == Some(&next))
    }
}

fn path(revision: u64) -> String {
    format!("reload-{revision}.jws")
}

fn bundle(world: &World, revision: u64) -> Result<Vec<u8>> {
    fs::read(world.file(&path(revision))).context("a revision is missing")
}

fn size(world: &World, revision: u64) -> Result<u64> {
    Ok(fs::metadata(world.file(&path(revision)))?.len())
}

/// Policies and agents of a document of some 10 MB.
const SIZE: &str = "10000x50000";
/// As `bench-native revisions` counts.
const FIRST: u64 = 7;
/// A tenth to a quarter of a processor, as in `storm`.
const SECOND: Load = Load { connections: CONNECTIONS, seconds: 1 };
const MILLIS: (u64, u64) = (6, 12);
const PATIENCE: Duration = Duration::from_secs(180);
