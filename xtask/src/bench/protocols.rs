//! The group `protocols`: what it costs to read a request exactly, however long it is, to hold it, and to filter a list.

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::gateway::{self, Beside};
use super::load::{Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::slices::{self, Variant};
use super::vm;
use super::world::{Measured, World};
use crate::envoy::Envoy;
use crate::progress;

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let (wrk, envoy) = (Wrk::obtain()?, gateway::envoy()?);
    let world = World::build()?;
    world
        .write("protocols", "the same with a tool that takes anything, and 500 that are listed")?;
    let mut figures = native(&world.measured("read", rounds)?)?;
    figures.extend(held(&world)?);
    figures.extend(in_envoy(&world, &envoy, &wrk, rounds)?);
    Ok(figures)
}

/// The most that one request keeps, whatever the length of its body; that it does is a test as well.
fn held(world: &World) -> Result<Vec<Figure>> {
    let measured = progress::step("held", |running| {
        let mut measure = vm::program(running)?;
        running.doing("holding requests");
        measure.arg("held").env("DEPUTY_WASM", &world.module);
        Ok((vm::measured(&mut measure)?, "what requests that wait keep in the module".to_owned()))
    })?;
    HELD.into_iter()
        .map(|(waits_for, name, says)| {
            let sample = measured.get(waits_for).context("not all waits were measured")?;
            let most = sample.0.iter().copied().fold(f64::MIN, f64::max);
            Ok(Figure::exact(name, says, most / 1e3, "KB").at_most(16.0))
        })
        .collect()
}

/// As `deputy-bench-vm` names it; name; what it says.
#[rustfmt::skip]
const HELD: [(&str, &str, &str); 3] = [
    ("body", "held_for_body", "module: memory of a request that waits for the rest of its body"),
    ("keys", "held_for_keys", "module: memory of a request that waits for keys, its body with the host"),
    ("approval", "held_for_approval", "module: memory beyond its body of a request that waits for an approval"),
];

/// A request is refused as soon as it is known who asks, or as soon as it is known what is asked: what is between
/// is the stage. In Envoy the first is a GET, as a POST that is refused before its body has come costs its connection; so what a
/// body costs a filter that does nothing is taken off.
fn native(measured: &Measured) -> Result<Vec<Figure>> {
    let of = |subject| measured.micros(subject);
    let stage = of("after")?.minus(&of("before")?);
    let (sixty_four, mega) = (of("call_64k")?, of("call_1m")?);
    let per_byte = mega.over(&sixty_four).map(|ratio| ratio / 16.0);
    let whole =
        |name, says, subject| Ok::<_, anyhow::Error>(Figure::of(name, says, &of(subject)?, "µs"));
    Ok(vec![
        Figure::of(
            "native_protocol",
            "to know what tools/call asks, 1 KB of arguments",
            &stage,
            "µs",
        )
        .at_most(8.0),
        whole("native_call_1k", "a decision, tools/call, 1 KB of arguments", "call_1k")?,
        whole("native_call_16k", "the same, 16 KB", "call_16k")?,
        whole("native_call_64k", "the same, 64 KB", "call_64k")?,
        whole("native_call_256k", "the same, 256 KB", "call_256k")?.at_most(3000.0),
        whole("native_call_1m", "the same, 1 MB", "call_1m")?,
        Figure::of("native_linear", "a byte of 1 MB over a byte of 64 KB", &per_byte, "×")
            // Above 128 KB the allocator asks the system for each body, and gives it back.
            .at_most(1.5),
        whole("native_list_500", "tools/list, decided and 500 tools filtered", "list_500")?,
    ])
}

/// Name, what it says, which Envoy, the request, and what must come of it.
type Planned = (&'static str, &'static str, usize, &'static str, Comes);

enum Comes {
    Passed(&'static [&'static str]),
    Refused,
}

/// The Envoys that run, by name; [`Planned`] counts in this order.
const PROXIES: [&str; 2] = ["protocols", "empty"];
const ALLOWED: Comes = Comes::Passed(&[gateway::ALLOWED_BY_DEPUTY]);
const BEFORE: &str = "protocol-before";
const AFTER: &str = "protocol-after";

#[rustfmt::skip]
const PLAN: [Planned; 6] = [
    ("cpu_empty_stream", "Envoy, GET to an MCP server: a Wasm filter that does nothing", 1, BEFORE, Comes::Passed(&[])),
    ("cpu_empty_call", "Envoy, tools/call with 1 KB: the same", 1, AFTER, Comes::Passed(&[])),
    ("cpu_before_protocol", "the GET, refused once it is known who asks", 0, BEFORE, Comes::Refused),
    ("cpu_after_protocol", "the tools/call, refused once it is known what is asked", 0, AFTER, Comes::Refused),
    ("cpu_call_256k", "Envoy, tools/call with 256 KB", 0, "call-256k", ALLOWED),
    ("cpu_list_500", "Envoy, tools/list, 500 tools filtered", 0, "list-500", ALLOWED),
];

fn in_envoy(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    let mut variants = PLAN.iter().map(|plan| variant(plan, world)).collect::<Result<Vec<_>>>()?;
    let list = world.read("list-500-answer.json")?;
    let proxies = progress::step("gateways", |_| {
        let filters = [gateway::deputy(world, "protocols.json")?, gateway::empty(world)];
        let start = |(name, filters): (&str, &Vec<_>)| {
            Proxy::start(envoy, &world.folder, name, (filters, Beside::List(&list)))
        };
        let mut started =
            PROXIES.into_iter().zip(&filters).map(start).collect::<Result<Vec<_>>>()?;
        for proxy in &mut started {
            proxy.answers(&world.request("call-256k")?)?;
        }
        filters_the_list(world, started.first().context("no such Envoy")?)?;
        Ok((started, format!("2 Envoys {}, one worker each", envoy.version)))
    })?;
    progress::step("requests", |running| {
        let total = slices::rounds(&mut variants, (&proxies, wrk), rounds, running)?;
        Ok(((), format!("{total} requests, every one answered as expected, in {rounds} rounds")))
    })?;
    let of = |name| slices::micros(&variants, name);
    let body = of("cpu_empty_call")?.minus(of("cpu_empty_stream")?);
    let stage = of("cpu_after_protocol")?.minus(of("cpu_before_protocol")?).minus(&body);
    let says = "to know what tools/call asks in Envoy, 1 KB of arguments";
    let mut figures = vec![Figure::of("protocol", says, &stage, "µs").at_most(25.0)];
    figures.extend(variants.iter().map(|variant| match variant.name {
        "cpu_call_256k" => variant.figure().at_most(3000.0),
        "cpu_list_500" => variant.figure().at_most(5000.0),
        _ => variant.figure(),
    }));
    Ok(figures)
}

fn variant<'w>(
    (name, says, proxy, file, comes): &Planned,
    world: &'w World,
) -> Result<Variant<'w>> {
    let script = Script::write(&world.folder, name, &world.request(file)?)?;
    let (script, counted) = match comes {
        Comes::Passed(counted) => (script, *counted),
        Comes::Refused => (script.refused(), REFUSED),
    };
    let (before, micros) = (None, Sample::default());
    Ok(Variant { name, says, proxy: *proxy, script, counted, before, micros })
}

const REFUSED: &[&str] = &[gateway::REFUSED_BY_DEPUTY];

/// What is measured as filtering is.
fn filters_the_list(world: &World, proxy: &Proxy) -> Result<()> {
    let answer = world.request("list-500")?.send(proxy.port).context("no answer to tools/list")?;
    let (shown, hidden) =
        (answer.0.matches("\"shown_").count(), answer.0.matches("\"hidden_").count());
    ensure!((shown, hidden) == (250, 0), "{shown} tools are shown and {hidden} that must not be");
    Ok(())
}
