//! The group `approval`: what it costs to count what agents do, to write down what a human is to approve, and
//! what everybody else pays for that (docs/benchmarks.md).

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::gateway::{self, Beside};
use super::http::Request;
use super::load::{Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::slices::{self, Variant};
use super::world::World;
use crate::envoy::Envoy;
use crate::progress;

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let (wrk, envoy) = (Wrk::obtain()?, gateway::envoy()?);
    let world = World::build()?;
    world.write("approvals", "the same with an approval service, and with counters")?;
    let native = world.measured("count", rounds)?;
    let proxies = start(&world, &envoy)?;
    let mut variants =
        PLAN.iter().map(|plan| variant(plan, &world, &proxies)).collect::<Result<Vec<_>>>()?;
    progress::step("requests", |running| {
        let total = slices::rounds(&mut variants, (&proxies, &wrk), rounds, running)?;
        Ok(((), format!("{total} requests, every one answered as expected, in {rounds} rounds")))
    })?;
    let of = |name| slices::micros(&variants, name);
    let (plain, before) = (of("cpu_uncounted")?, of("cpu_approval_before")?);
    let as_many_in_envoy = of("cpu_as_many")?;
    let more = |name, says, with, without| {
        Ok::<_, anyhow::Error>(Figure::of(name, says, &of(with)?.minus(without), "µs"))
    };
    let (uncounted, as_many) = (native.micros("uncounted")?, native.micros("as_many")?);
    let (beside, counted) = (native.micros("beside")?, native.micros("counted")?);
    let mut figures = vec![
        Figure::of(
            "native_uncounted",
            "tools/call: neither counted nor to be approved",
            &uncounted,
            "µs",
        ),
        Figure::of(
            "native_beside",
            "the same, where others are, over that",
            &beside.over(&uncounted),
            "×",
        )
        .at_most(1.02),
        Figure::of(
            "native_recall",
            "to count a request and recall its counters",
            &counted.minus(&as_many),
            "µs",
        ),
        more(
            "recall",
            "to count a request and recall its counters, in Envoy",
            "cpu_counted",
            as_many_in_envoy,
        )?
        .at_most(10.0),
        more(
            "approval_digest",
            "to know what a human would approve, 1 KB of arguments",
            "cpu_approval_after",
            before,
        )?
        .at_most(20.0),
        more(
            "approval_beside",
            "what approvals and counters add where none is meant",
            "cpu_beside",
            plain,
        )?,
    ];
    figures.extend(variants.iter().map(Variant::figure));
    Ok(figures)
}

/// Name, what it says, which Envoy, the request, and what must come of it.
type Planned = (&'static str, &'static str, usize, &'static str, Comes);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comes {
    Passed,
    /// A human would have to approve, and nobody can be asked.
    Waits,
    /// As much waits as may.
    Refused,
}

/// The Envoys that run, by name, and the configuration of each; [`Planned`] counts in this order.
const PROXIES: [(&str, &str); 4] = [
    ("neither", "approval-neither.json"),
    ("beside", "approval-beside.json"),
    ("counted", "approval-counted.json"),
    ("as-many", "approval-as-many.json"),
];

#[rustfmt::skip]
const PLAN: [Planned; 6] = [
    ("cpu_uncounted", "Envoy, tools/call: neither counted nor to be approved", 0, "tools-call", Comes::Passed),
    ("cpu_beside", "the same, where others are", 1, "tools-call", Comes::Passed),
    ("cpu_as_many", "the same, with a policy more", 3, "tools-call", Comes::Passed),
    ("cpu_counted", "the same, and that policy counts", 2, "tools-call", Comes::Passed),
    ("cpu_approval_before", "Envoy, tools/call: refused once a human has to approve", 0, "approval-wanted", Comes::Waits),
    ("cpu_approval_after", "the same, refused once it is known by its digest", 1, "approval-wanted", Comes::Refused),
];

fn start(world: &World, envoy: &Envoy) -> Result<Vec<Proxy>> {
    progress::step("gateways", |_| {
        let mut started = Vec::new();
        for (name, configuration) in PROXIES {
            let filters = gateway::deputy(world, configuration)?;
            let mut proxy = Proxy::start(envoy, &world.folder, name, (&filters, Beside::Nothing))?;
            proxy.answers(&world.request("tools-call")?)?;
            started.push(proxy);
        }
        Ok((started, format!("{} Envoys {}, one worker each", PROXIES.len(), envoy.version)))
    })
}

fn variant<'w>(
    (name, says, proxy, file, comes): &Planned,
    world: &'w World,
    proxies: &[Proxy],
) -> Result<Variant<'w>> {
    let script = Script::write(&world.folder, name, &world.request(file)?)?;
    let (script, counted) = match comes {
        Comes::Passed => (script, PASSED),
        Comes::Waits => (script.refused(), WAITS),
        Comes::Refused => (script.refused(), REFUSED),
    };
    let port = proxies.get(*proxy).context("no such Envoy")?.port;
    let before = (*comes == Comes::Refused).then(|| {
        let fill: Box<dyn Fn() -> Result<()> + 'w> = Box::new(move || waiting(world, port));
        fill
    });
    Ok(Variant { name, says, proxy: *proxy, script, counted, before, micros: Sample::default() })
}

/// Has as much wait as may. Nobody answers for the service, which the gateway finds out without a call; what it was
/// asked for waits for five minutes all the same.
fn waiting(world: &World, port: u16) -> Result<()> {
    for id in 1..=WAITING {
        let request: Request = world.request(&format!("approval-waiting-{id}"))?;
        let answer = request.send(port)?;
        ensure!(answer.0.starts_with("HTTP/1.1 503"), "not asked for:\n\n{}", answer.0);
    }
    let answer = world.request("approval-wanted")?.send(port)?;
    ensure!(answer.0.starts_with("HTTP/1.1 429"), "more than {WAITING} wait:\n\n{}", answer.0);
    Ok(())
}

const WAITING: u64 = 16;
const PASSED: &[&str] = &[gateway::ALLOWED_BY_DEPUTY];
const WAITS: &[&str] = &["wasmcustom.deputy.decision.needs_approval"];
const REFUSED: &[&str] =
    &[gateway::REFUSED_BY_DEPUTY, "wasmcustom.deputy.reason.approvals_pending"];
