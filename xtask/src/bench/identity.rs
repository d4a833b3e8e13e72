//! The group `identity`: what it costs to know who asks, per algorithm and kind of proof.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::gateway;
use super::load::{Script, Wrk};
use super::proxy::{Log, Proxy};
use super::sample::Sample;
use super::slices::{self, Variant};
use super::storm;
use super::world::World;
use crate::envoy::Envoy;
use crate::progress;

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let (wrk, envoy) = (Wrk::obtain()?, gateway::envoy()?);
    let world = World::build()?;
    world.write("identities", "the same with a key of each algorithm, and agents with keys")?;
    let mut figures = native(&world, rounds)?;
    figures.extend(in_envoy(&world, &envoy, &wrk, rounds)?);
    figures.extend(storm::measure(&world, &envoy, &wrk, rounds)?);
    Ok(figures)
}

fn native(world: &World, rounds: u32) -> Result<Vec<Figure>> {
    let measured = world.measured("prove", rounds)?;
    let of = |name, says, subject| {
        Ok::<_, anyhow::Error>(Figure::of(name, says, &measured.micros(subject)?, "µs"))
    };
    let stage = measured.micros("after")?.minus(&measured.micros("before")?);
    Ok(vec![
        Figure::of("native_identity_warm", "to know who asks, token seen before", &stage, "µs")
            .at_most(5.0),
        of("native_warm", "a decision, HTTP route, token seen before", "warm")?,
        of("native_first_es256", "the same, ES256 token never seen", "ES256")?,
        of("native_first_rs256", "the same, RS256", "RS256")?,
        of("native_first_ps256", "the same, PS256", "PS256")?,
        of("native_first_ed25519", "the same, Ed25519", "Ed25519")?,
        of("native_dpop", "the same, token seen before, with a DPoP proof", "dpop")?,
    ])
}

/// Which Envoy, which requests, and what counts them.
struct Planned {
    name: &'static str,
    says: &'static str,
    proxy: usize,
    asks: Asks,
    counted: &'static [&'static str],
}

enum Asks {
    /// The request of that file, again and again.
    Same(&'static str),
    /// Likewise, and it is refused.
    Refused(&'static str),
    /// With the tokens of that algorithm in turn.
    Tokens(&'static str),
    /// With a proof each.
    Proofs,
}

/// The Envoys that run, by name; [`Planned::proxy`] counts in this order.
const PROXIES: [(&str, Log); 3] = [
    ("deputy", Log::Receipts),
    ("deputy-alone", Log::Receipts),
    // What a longer line in a log costs Envoy is no part of knowing who asks.
    ("deputy-unlogged", Log::Warnings),
];

const PLAN: [Planned; 10] = [
    planned(
        "cpu_before_identity",
        "Envoy, GET, refused before, no receipt in the log",
        2,
        Asks::Refused("unmapped"),
        REFUSED,
    ),
    planned(
        "cpu_after_identity",
        "Envoy, GET, refused after, no receipt in the log",
        2,
        Asks::Refused("suspended"),
        REFUSED,
    ),
    planned("cpu_warm", "Envoy, GET, token seen before", 0, Asks::Same("http"), PASSED),
    planned(
        "cpu_first_es256",
        "the same, ES256 token never seen, verified by Envoy",
        0,
        Asks::Tokens("ES256"),
        BY_HOST,
    ),
    planned("cpu_first_rs256", "the same, RS256", 0, Asks::Tokens("RS256"), BY_HOST),
    planned(
        "cpu_first_es256_module",
        "the same, ES256, verified in the module",
        1,
        Asks::Tokens("ES256"),
        PASSED,
    ),
    planned("cpu_first_rs256_module", "the same, RS256", 1, Asks::Tokens("RS256"), PASSED),
    planned("cpu_first_ps256_module", "the same, PS256", 0, Asks::Tokens("PS256"), PASSED),
    planned("cpu_first_ed25519_module", "the same, Ed25519", 0, Asks::Tokens("Ed25519"), PASSED),
    planned(
        "cpu_dpop",
        "Envoy, GET, token seen before, with a DPoP proof (ES256)",
        0,
        Asks::Proofs,
        BY_HOST,
    ),
];

const PASSED: &[&str] = &[gateway::ALLOWED_BY_DEPUTY];
const REFUSED: &[&str] = &[gateway::REFUSED_BY_DEPUTY];
const BY_HOST: &[&str] = &[gateway::ALLOWED_BY_DEPUTY, gateway::VERIFIED_BY_HOST];

const fn planned(
    name: &'static str,
    says: &'static str,
    proxy: usize,
    asks: Asks,
    counted: &'static [&'static str],
) -> Planned {
    Planned { name, says, proxy, asks, counted }
}

impl Planned {
    fn variant<'w>(&self, world: &'w World) -> Result<Variant<'w>> {
        let Self { name, says, proxy, counted, .. } = *self;
        let (folder, http) = (&world.folder, world.request("http")?);
        let script = match &self.asks {
            Asks::Same(file) => Script::write(folder, name, &world.request(file)?)?,
            Asks::Refused(file) => Script::write(folder, name, &world.request(file)?)?.refused(),
            Asks::Tokens(algorithm) => {
                let lines = format!("tokens-{algorithm}.txt");
                Script::of_lines(folder, name, &http, (&lines, &["authorization"]))?
            }
            Asks::Proofs => {
                let headers = ["authorization", "dpop"];
                Script::of_lines(folder, name, &http, (PROOFS, &headers))?
            }
        };
        let before = matches!(self.asks, Asks::Proofs).then(|| {
            let make: Box<dyn Fn() -> Result<()> + 'w> = Box::new(|| proofs(world));
            make
        });
        Ok(Variant { name, says, proxy, script, counted, before, micros: Sample::default() })
    }
}

fn in_envoy(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    let mut variants = PLAN.iter().map(|p| p.variant(world)).collect::<Result<Vec<_>>>()?;
    let proxies = progress::step("gateways", |_| {
        let filters = [
            gateway::deputy(world, "identity.json")?,
            gateway::deputy_alone(world, "identity.json")?,
            gateway::deputy(world, "identity.json")?,
        ];
        let start = |((name, log), filters): ((&str, Log), &Vec<_>)| {
            let setting = (filters.as_slice(), gateway::Beside::Nothing);
            Proxy::start_logging(log, envoy, &world.folder, (name, setting))
        };
        let mut started =
            PROXIES.into_iter().zip(&filters).map(start).collect::<Result<Vec<_>>>()?;
        for proxy in &mut started {
            proxy.answers(&world.request("http")?)?;
        }
        let said = format!("{} Envoys {}, one worker each", PROXIES.len(), envoy.version);
        Ok((started, said))
    })?;
    progress::step("requests", |running| {
        let total = slices::rounds(&mut variants, (&proxies, wrk), rounds, running)?;
        Ok(((), format!("{total} requests, every one answered as expected, in {rounds} rounds")))
    })?;
    check_alone(&proxies)?;
    figures(&variants)
}

/// What is said to be verified in the module was.
fn check_alone(proxies: &[Proxy]) -> Result<()> {
    let alone = proxies.get(1).context("no such Envoy")?;
    let by_host = alone.counter(gateway::VERIFIED_BY_HOST)?;
    ensure!(by_host == 0, "{by_host} signatures were verified by a host that must not be asked");
    Ok(())
}

/// The stage by itself, four times, and the whole requests it was taken from.
fn figures(variants: &[Variant<'_>]) -> Result<Vec<Figure>> {
    let of = |name| slices::micros(variants, name);
    let stage = of("cpu_after_identity")?.minus(of("cpu_before_identity")?);
    // What every request has that is allowed, but for the stage.
    let rest = of("cpu_warm")?.minus(&stage);
    let first = |(name, says, of_request, bar)| {
        let stage = of(of_request)?.minus(&rest);
        Ok::<_, anyhow::Error>(Figure::of(name, says, &stage, "µs").at_most(bar))
    };
    let warm = "to know who asks in Envoy, token seen before";
    let mut figures = vec![Figure::of("identity_warm", warm, &stage, "µs").at_most(15.0)];
    figures.extend(FIRST.into_iter().map(first).collect::<Result<Vec<_>>>()?);
    figures.extend(variants.iter().map(Variant::figure));
    Ok(figures)
}

const FIRST: [(&str, &str, &str, f64); 3] = [
    (
        "identity_first_es256",
        "the same, ES256 token never seen, verified by Envoy",
        "cpu_first_es256",
        250.0,
    ),
    ("identity_first_rs256", "the same, RS256", "cpu_first_rs256", 250.0),
    ("identity_dpop", "the same, token seen before, with a DPoP proof (ES256)", "cpu_dpop", 300.0),
];

/// New proofs for the next slice: each is good once, and for a minute.
fn proofs(world: &World) -> Result<()> {
    let output = Command::new(&world.native)
        .args([Path::new("proofs"), &world.folder, Path::new(PROOFS), Path::new(ENOUGH)])
        .output()
        .context("can't start bench-native")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

const PROOFS: &str = "proofs.txt";
/// More than a worker answers in a slice.
const ENOUGH: &str = "8000";
