//! What agents notice while somebody makes up keys: a thousand tokens a second, each with a key id of its
//! own that the issuer has never heard of.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::gateway;
use super::load::{Answered, Load, Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::stop;
use super::world::World;
use crate::envoy::Envoy;
use crate::progress::{self, Running};

/// An Envoy that fetches the issuer's keys, two who send it requests, and another Envoy.
struct Stage<'w> {
    proxy: Proxy,
    /// Refuses the storm by itself (`jwt_authn`), for those rounds in which the machine has to bear it all the same.
    elsewhere: Proxy,
    good: Script,
    storm: Script,
    wrk: &'w Wrk,
    started: Instant,
}

/// How long good requests took, in milliseconds: what 99 of 100 did not exceed.
#[derive(Default)]
struct Waited {
    quiet: Sample,
    elsewhere: Sample,
    storm: Sample,
}

pub(super) fn measure(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    let stage = progress::step("keys fetched", |_| {
        let stage = Stage::start(world, envoy, wrk)?;
        Ok((stage, "by an Envoy that serves them itself".to_owned()))
    })?;
    let waited = progress::step("unknown keys", |running| {
        let (waited, refused) = stage.rounds(rounds, running)?;
        Ok((waited, format!("{refused} tokens of unknown keys, all refused, in {rounds} rounds")))
    })?;
    let (over_elsewhere, over_quiet) =
        (waited.storm.over(&waited.elsewhere), waited.storm.over(&waited.quiet));
    Ok(vec![
        Figure::of("good_p99", "99 of 100 good requests wait no longer", &waited.quiet, "ms"),
        Figure::of(
            "good_p99_storm_elsewhere",
            "the same, while another gateway of the machine gets 1,000 tokens of unknown keys per second",
            &waited.elsewhere,
            "ms",
        ),
        Figure::of(
            "good_p99_key_storm",
            "the same, with those 1,000 tokens per second",
            &waited.storm,
            "ms",
        ),
        Figure::of("key_storm", "the third over the second", &over_elsewhere, "×").at_most(1.2),
        Figure::of("key_storm_over_quiet", "the third over the first", &over_quiet, "×"),
    ])
}

impl<'w> Stage<'w> {
    fn start(world: &World, envoy: &Envoy, wrk: &'w Wrk) -> Result<Self> {
        let (folder, request) = (&world.folder, world.request("http")?);
        let lines = ("unknown-keys.txt", ["authorization"].as_slice());
        let good = Script::write(folder, "good", &request)?.paced(GOOD_MILLIS)?;
        let storm = Script::of_lines(folder, "storm", &request, lines)?;
        let storm = storm.refused().paced(STORM_MILLIS)?;
        let (filters, keys) =
            (gateway::deputy(world, "identity-fetched.json")?, world.read("identity-jwks.json")?);
        let started = Instant::now();
        let mut proxy =
            Proxy::start(envoy, folder, "fetching", (&filters, gateway::Beside::Keys(&keys)))?;
        proxy.answers(&request)?;
        let filters = gateway::jwt_rbac(world, false)?;
        let setting = (filters.as_slice(), gateway::Beside::Nothing);
        let elsewhere = Proxy::start(envoy, folder, "elsewhere", setting)?;
        Ok(Self { proxy, elsewhere, good, storm, wrk, started })
    }

    /// How long good requests took, and how many others were refused meanwhile.
    fn rounds(&self, rounds: u32, running: &Running) -> Result<(Waited, u64)> {
        let (mut waited, mut total) = (Waited::default(), 0);
        for round in 0..=rounds {
            stop::check()?;
            running.doing(&format!("round {round} of {rounds}"));
            let mut waits = [None; 3];
            let mut refused = 0;
            for nth in (0..3).map(|nth| (nth + round) % 3) {
                let wait = match nth {
                    0 => self.wrk.start(&self.good, self.proxy.port, &GOOD)?.finish()?,
                    1 => self.storm(&self.elsewhere)?.0,
                    _ => {
                        let (good, storm) = self.storm_here()?;
                        refused = storm;
                        good
                    }
                };
                let slot = waits.get_mut(nth as usize).context("three kinds of rounds")?;
                *slot = Some(wait.p99_micros as f64 / 1e3);
            }
            // Round 0 is for caches to fill and for V8 to settle.
            if round > 0 {
                let [quiet, elsewhere, storm] = waits;
                waited.quiet.0.extend(quiet);
                waited.elsewhere.0.extend(elsewhere);
                waited.storm.0.extend(storm);
                total += refused;
            }
        }
        self.check_fetches()?;
        Ok((waited, total))
    }

    /// Good requests while there is a storm there: how long they took, and how much was refused.
    fn storm(&self, at: &Proxy) -> Result<(Answered, u64)> {
        let storm = self.wrk.start(&self.storm, at.port, &STORM)?;
        let good = self.wrk.start(&self.good, self.proxy.port, &GOOD)?.finish();
        let refused = storm.finish()?.requests;
        let least = PER_SECOND * STORM.seconds;
        ensure!(refused >= least, "{refused} tokens of unknown keys; there should be {least}");
        Ok((good?, refused))
    }

    fn storm_here(&self) -> Result<(Answered, u64)> {
        let before = self.proxy.counter(KEY_UNKNOWN)?;
        let (good, refused) = self.storm(&self.proxy)?;
        let counted = self.proxy.counter(KEY_UNKNOWN)?.saturating_sub(before);
        ensure!(counted >= refused, "{refused} refused, but {counted} for an unknown key");
        Ok((good, refused))
    }

    /// A storm that made the gateway ask for keys again and again would be no storm in a glass of water.
    fn check_fetches(&self) -> Result<()> {
        let fetches = self.proxy.counter(FETCHES)?;
        let most = self.started.elapsed().as_secs() / 60 + 2;
        ensure!(
            (1..=most).contains(&fetches),
            "keys were fetched {fetches} times, not 1 to {most}"
        );
        Ok(())
    }
}

/// What a tenth to a quarter of a processor can do: a gateway that is saturated has queues of its own.
const GOOD: Load = Load { connections: 16, seconds: 4 };
const GOOD_MILLIS: (u64, u64) = (6, 12);
/// Few connections that wait little: a storm as even as `wrk` can make one, not a dozen at a time.
const STORM: Load = Load { connections: 4, seconds: 4 };
const STORM_MILLIS: (u64, u64) = (2, 4);
/// What the storm has to reach.
const PER_SECOND: u64 = 1000;
const KEY_UNKNOWN: &str = "wasmcustom.deputy.reason.key_unknown";
const FETCHES: &str = "cluster.idp.upstream_rq_total";
