//! What a request costs Envoy, in processor time, with each thing that may stand in its way.

use anyhow::{Context as _, Result};

use super::figure::Figure;
use super::gateway;
use super::http::Request;
use super::load::{Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::slices::{self, Variant};
use super::world::World;
use crate::envoy::Envoy;
use crate::progress::{self, Running};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Http,
    ToolsCall,
}

/// The Envoys that run, by name; [`Variant::proxy`] counts in this order.
const PROXIES: [&str; 5] = ["nothing", "empty", "jwt-rbac", "jwt-rbac-cached", "deputy"];

/// Which Envoy, what it is asked, and what counts that.
type Planned = (&'static str, &'static str, usize, Asked, &'static [&'static str]);

const RBAC: &[&str] = &[gateway::ALLOWED_BY_RBAC];
const DEPUTY: &[&str] = &[gateway::ALLOWED_BY_DEPUTY];

const PLAN: [Planned; 8] = [
    ("cpu_none_get", "Envoy, GET: no filter", 0, Asked::Http, &[]),
    ("cpu_empty_get", "Envoy, GET: a Wasm filter that does nothing", 1, Asked::Http, &[]),
    ("cpu_jwt_rbac_get", "Envoy, GET: jwt_authn + rbac, ES256", 2, Asked::Http, RBAC),
    (
        "cpu_jwt_rbac_cached_get",
        "Envoy, GET: the same, jwt_authn with a cache",
        3,
        Asked::Http,
        RBAC,
    ),
    ("cpu_deputy_http", "Envoy, GET: Deputy, an HTTP route", 4, Asked::Http, DEPUTY),
    ("cpu_none_post", "Envoy, POST: no filter", 0, Asked::ToolsCall, &[]),
    ("cpu_empty_post", "Envoy, POST: a Wasm filter that does nothing", 1, Asked::ToolsCall, &[]),
    ("cpu_deputy_tools_call", "Envoy, POST: Deputy, tools/call", 4, Asked::ToolsCall, DEPUTY),
];

/// Loads them all; a figure each, and the two ratios with a bar.
pub(super) fn measure(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    let mut variants =
        PLAN.into_iter().map(|plan| variant(plan, world)).collect::<Result<Vec<_>>>()?;
    let proxies = progress::step("gateways", |running| {
        let started = start(world, envoy, running)?;
        Ok((started, format!("{} Envoys {}, one worker each", PROXIES.len(), envoy.version)))
    })?;
    progress::step("requests", |running| {
        let total = slices::rounds(&mut variants, (&proxies, wrk), rounds, running)?;
        Ok(((), format!("{total} requests, every one let through, in {rounds} rounds")))
    })?;
    figures(&variants)
}

fn variant((name, says, proxy, asked, counted): Planned, world: &World) -> Result<Variant<'_>> {
    let script = Script::write(&world.folder, asked.file(), &world.request(asked.file())?)?;
    let micros = Sample::default();
    Ok(Variant { name, says, proxy, script, counted, before: None, micros })
}

fn start(world: &World, envoy: &Envoy, running: &Running) -> Result<Vec<Proxy>> {
    let filters = [
        Vec::new(),
        gateway::empty(world),
        gateway::jwt_rbac(world, false)?,
        gateway::jwt_rbac(world, true)?,
        gateway::deputy(world, "deputy.json")?,
    ];
    let mut proxies = Vec::new();
    for (name, filters) in PROXIES.into_iter().zip(&filters) {
        running.doing(name);
        proxies.push(Proxy::start(
            envoy,
            &world.folder,
            name,
            (filters, gateway::Beside::Nothing),
        )?);
    }
    for (_, _, proxy, asked, _) in PLAN {
        let request: Request = world.request(asked.file())?;
        proxies.get_mut(proxy).context("no such Envoy")?.answers(&request)?;
    }
    Ok(proxies)
}

fn figures(variants: &[Variant<'_>]) -> Result<Vec<Figure>> {
    let of = |name| slices::micros(variants, name);
    let mut figures: Vec<_> = variants.iter().map(Variant::figure).collect();
    let (none, post) = (of("cpu_none_get")?, of("cpu_none_post")?);
    let native = of("cpu_jwt_rbac_get")?.minus(none);
    let http = of("cpu_deputy_http")?.minus(none).over(&native);
    let tools_call = of("cpu_deputy_tools_call")?.minus(post).over(&native);
    let says = [
        "what Deputy adds to a GET, over what jwt_authn + rbac add",
        "what Deputy adds to tools/call, over the same",
    ];
    let [http_says, tools_call_says] = says;
    figures.push(Figure::of("http_over_jwt_rbac", http_says, &http, "×").at_most(1.0));
    figures.push(
        Figure::of("tools_call_over_jwt_rbac", tools_call_says, &tools_call, "×").at_most(1.5),
    );
    Ok(figures)
}

impl Asked {
    /// The name of its file in the world.
    fn file(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::ToolsCall => "tools-call",
        }
    }
}
