//! The group `protocols`: what it costs to read a request exactly, however long it is, and to filter a list.

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::gateway::{self, Beside};
use super::load::{Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::slices::{self, Variant};
use super::world::{Measured, World};
use crate::envoy::Envoy;
use crate::progress;

pub(super) fn measure(rounds: u32) -> Result<Vec<Figure>> {
    let (wrk, envoy) = (Wrk::obtain()?, gateway::envoy()?);
    let world = World::build()?;
    world
        .write("protocols", "the same with a tool that takes anything, and 500 that are listed")?;
    let mut figures = native(&world.measured("read", rounds)?)?;
    figures.extend(in_envoy(&world, &envoy, &wrk, rounds)?);
    Ok(figures)
}

/// A request is refused as soon as it is known who asks, or as soon as it is known what is asked: what is between
/// is the stage. In Envoy the first is a GET: a POST that is refused before its body has come costs its connection.
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
            .at_most(1.25),
        whole("native_list_500", "tools/list, decided and 500 tools filtered", "list_500")?,
    ])
}

/// Name, what it says, the request, whether that is refused, and what counts it.
type Planned = (&'static str, &'static str, &'static str, bool, &'static [&'static str]);

const ALLOWED: &[&str] = &[gateway::ALLOWED_BY_DEPUTY];
const REFUSED: &[&str] = &[gateway::REFUSED_BY_DEPUTY];
const PLAN: [Planned; 4] = [
    (
        "cpu_before_protocol",
        "Envoy, GET to an MCP server, refused once it is known who asks",
        "protocol-before",
        true,
        REFUSED,
    ),
    (
        "cpu_after_protocol",
        "Envoy, tools/call with 1 KB, refused once it is known what is asked",
        "protocol-after",
        true,
        REFUSED,
    ),
    ("cpu_call_256k", "Envoy, tools/call with 256 KB", "call-256k", false, ALLOWED),
    ("cpu_list_500", "Envoy, tools/list, 500 tools filtered", "list-500", false, ALLOWED),
];

fn in_envoy(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    let mut variants = PLAN.iter().map(|plan| variant(plan, world)).collect::<Result<Vec<_>>>()?;
    let list = world.read("list-500-answer.json")?;
    let proxy = progress::step("gateways", |_| {
        let filters = gateway::deputy(world, "protocols.json")?;
        let mut proxy =
            Proxy::start(envoy, &world.folder, "protocols", (&filters, Beside::List(&list)))?;
        proxy.answers(&world.request("call-256k")?)?;
        filters_the_list(world, &proxy)?;
        Ok((proxy, format!("Envoy {}, one worker", envoy.version)))
    })?;
    progress::step("requests", |running| {
        let proxies = std::slice::from_ref(&proxy);
        let total = slices::rounds(&mut variants, (proxies, wrk), rounds, running)?;
        Ok(((), format!("{total} requests, every one answered as expected, in {rounds} rounds")))
    })?;
    let of = |name| slices::micros(&variants, name);
    let stage = of("cpu_after_protocol")?.minus(of("cpu_before_protocol")?);
    let says =
        "to know what tools/call asks in Envoy, 1 KB of arguments, and to have a body at all";
    let mut figures = vec![Figure::of("protocol", says, &stage, "µs").at_most(25.0)];
    figures.extend(variants.iter().map(|variant| match variant.name {
        "cpu_call_256k" => variant.figure().at_most(3000.0),
        "cpu_list_500" => variant.figure().at_most(5000.0),
        _ => variant.figure(),
    }));
    Ok(figures)
}

fn variant<'w>(
    (name, says, file, refused, counted): &Planned,
    world: &'w World,
) -> Result<Variant<'w>> {
    let script = Script::write(&world.folder, name, &world.request(file)?)?;
    let script = if *refused { script.refused() } else { script };
    Ok(Variant { name, says, proxy: 0, script, counted, before: None, micros: Sample::default() })
}

/// What is measured as filtering is.
fn filters_the_list(world: &World, proxy: &Proxy) -> Result<()> {
    let answer = world.request("list-500")?.send(proxy.port).context("no answer to tools/list")?;
    let (shown, hidden) =
        (answer.0.matches("\"shown_").count(), answer.0.matches("\"hidden_").count());
    ensure!((shown, hidden) == (250, 0), "{shown} tools are shown and {hidden} that must not be");
    Ok(())
}
