//! What a request costs Envoy, in processor time, with each thing that may stand in its way.
//!
//! Every Envoy is a process of its own, so its processor time is its own. All are started first; then,
//! round by round, each variant gets a slice, in an order that turns.

use anyhow::{Context as _, Result, ensure};

use super::figure::Figure;
use super::gateway;
use super::http::Request;
use super::load::{CONNECTIONS, Script, Wrk};
use super::proxy::Proxy;
use super::sample::Sample;
use super::stop;
use super::world::World;
use crate::envoy::Envoy;
use crate::progress::{self, Running};

/// One gateway under one request.
struct Variant {
    name: &'static str,
    says: &'static str,
    /// Which of the running Envoys.
    proxy: usize,
    request: Asked,
    /// A counter that has to move by one per request: the filter has really decided.
    counted: Option<&'static str>,
    micros: Sample,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Http,
    ToolsCall,
}

/// The Envoys that run, by name; [`Variant::proxy`] counts in this order.
const PROXIES: [&str; 5] = ["nothing", "empty", "jwt-rbac", "jwt-rbac-cached", "deputy"];

fn variants() -> Vec<Variant> {
    let variant = |name, says, proxy, request, counted| Variant {
        name,
        says,
        proxy,
        request,
        counted,
        micros: Sample::default(),
    };
    let (rbac, deputy) = (Some(gateway::ALLOWED_BY_RBAC), Some(gateway::ALLOWED_BY_DEPUTY));
    vec![
        variant("cpu_none_get", "Envoy, GET: no filter", 0, Asked::Http, None),
        variant(
            "cpu_empty_get",
            "Envoy, GET: a Wasm filter that does nothing",
            1,
            Asked::Http,
            None,
        ),
        variant("cpu_jwt_rbac_get", "Envoy, GET: jwt_authn + rbac, ES256", 2, Asked::Http, rbac),
        variant(
            "cpu_jwt_rbac_cached_get",
            "Envoy, GET: the same, jwt_authn with a cache",
            3,
            Asked::Http,
            rbac,
        ),
        variant("cpu_deputy_http", "Envoy, GET: Deputy, an HTTP route", 4, Asked::Http, deputy),
        variant("cpu_none_post", "Envoy, POST: no filter", 0, Asked::ToolsCall, None),
        variant(
            "cpu_empty_post",
            "Envoy, POST: a Wasm filter that does nothing",
            1,
            Asked::ToolsCall,
            None,
        ),
        variant(
            "cpu_deputy_tools_call",
            "Envoy, POST: Deputy, tools/call",
            4,
            Asked::ToolsCall,
            deputy,
        ),
    ]
}

/// Loads them all; a figure each, and the two ratios with a bar.
pub(super) fn measure(world: &World, envoy: &Envoy, wrk: &Wrk, rounds: u32) -> Result<Vec<Figure>> {
    let requests = [world.request(Asked::Http.file())?, world.request(Asked::ToolsCall.file())?];
    let scripts = [Asked::Http, Asked::ToolsCall].map(Asked::file).into_iter().zip(&requests);
    let scripts: Result<Vec<_>> =
        scripts.map(|(name, request)| Script::write(&world.folder, name, request)).collect();
    let proxies = progress::step("gateways", |running| {
        let started = start(world, envoy, &requests, running)?;
        Ok((started, format!("{} Envoys {}, one worker each", PROXIES.len(), envoy.version)))
    })?;
    let mut loaded = Loaded { proxies, scripts: scripts?, wrk, variants: variants() };
    progress::step("requests", |running| {
        let total = loaded.rounds(rounds, running)?;
        Ok(((), format!("{total} requests, every one let through, in {rounds} rounds")))
    })?;
    loaded.figures()
}

fn start(
    world: &World,
    envoy: &Envoy,
    requests: &[Request; 2],
    running: &Running,
) -> Result<Vec<Proxy>> {
    let filters = [
        Vec::new(),
        gateway::empty(world),
        gateway::jwt_rbac(world, false)?,
        gateway::jwt_rbac(world, true)?,
        gateway::deputy(world)?,
    ];
    let mut proxies = Vec::new();
    for (name, filters) in PROXIES.into_iter().zip(&filters) {
        running.doing(name);
        proxies.push(Proxy::start(envoy, &world.folder, name, filters)?);
    }
    for variant in variants() {
        let proxy = proxies.get_mut(variant.proxy).context("no such Envoy")?;
        let [http, tools_call] = requests;
        proxy.answers(if variant.request == Asked::Http { http } else { tools_call })?;
    }
    Ok(proxies)
}

/// Everything that runs while requests are sent.
struct Loaded<'w> {
    proxies: Vec<Proxy>,
    /// For [`Asked::Http`], then for [`Asked::ToolsCall`].
    scripts: Vec<Script>,
    wrk: &'w Wrk,
    variants: Vec<Variant>,
}

impl Loaded<'_> {
    /// Warms up, then measures; how many requests there were.
    fn rounds(&mut self, rounds: u32, running: &Running) -> Result<u64> {
        let mut order: Vec<usize> = (0..self.variants.len()).collect();
        let mut total = 0;
        for round in 0..=rounds {
            for index in &order {
                stop::check()?;
                let (micros, requests) = self.slice(*index)?;
                let variant = self.variants.get_mut(*index).context("no such variant")?;
                running.doing(&format!("round {round} of {rounds}: {}", variant.name));
                // Round 0 is for caches to fill and for V8 to settle.
                if round > 0 {
                    variant.micros.0.push(micros);
                    total += requests;
                }
            }
            order.rotate_left(1);
        }
        Ok(total)
    }

    /// Microseconds per request, and how many there were.
    fn slice(&self, index: usize) -> Result<(f64, u64)> {
        let variant = self.variants.get(index).context("no such variant")?;
        let proxy = self.proxies.get(variant.proxy).context("no such Envoy")?;
        let script = self
            .scripts
            .get(usize::from(variant.request == Asked::ToolsCall))
            .context("no such script")?;
        let count = || variant.counted.map(|counter| proxy.counter(counter)).transpose();
        let (counted, spent) = (count()?, proxy.spent()?);
        let answered = self
            .wrk
            .slice(script, proxy.port)
            .with_context(|| format!("{}: {}", variant.name, proxy.said()))?;
        let spent = proxy.spent()?.saturating_sub(spent);
        if let (Some(before), Some(after)) = (counted, count()?) {
            // What was under way when wrk stopped is counted here and not there.
            let decided = after.saturating_sub(before);
            let expected = answered.requests..=answered.requests + CONNECTIONS;
            let name = variant.name;
            ensure!(
                expected.contains(&decided),
                "{name}: {} requests, {decided} decisions",
                answered.requests
            );
        }
        Ok((spent.as_secs_f64() * 1e6 / answered.requests as f64, answered.requests))
    }

    fn figures(&self) -> Result<Vec<Figure>> {
        let of = |name: &str| {
            let variant = self.variants.iter().find(|variant| variant.name == name);
            variant
                .map(|variant| &variant.micros)
                .with_context(|| format!("{name} was not measured"))
        };
        let mut figures: Vec<_> =
            self.variants.iter().map(|v| Figure::of(v.name, v.says, &v.micros, "µs")).collect();
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
