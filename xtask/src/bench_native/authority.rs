//! What an agent may do right now, for companies of several sizes: the same agent asks for the same thing, and
//! around it there are more and more other agents and policies, none of which fits its request.
//!
//! Each company is a signed bundle and a configuration that fetches it.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use deputy_engine::engine::Engine;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Fetch, FetchReply, Work};
use serde_json::{Map, Value, json};

use crate::asking::Asking;
use crate::cedar::Alone;
use crate::decide::{self, Host};
use crate::signing::Signer;
use crate::subject::{self, Subject};
use crate::world::{World, jwks, set, write};

/// How many policies and agents there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    policies: usize,
    agents: usize,
    /// Each policy has a condition of its own.
    distinct: bool,
}

impl Size {
    /// `1000x100`: policies and agents; `1000x100d`: each policy with a condition of its own.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (policies, agents) = text.split_once('x').context("a size is POLICIESxAGENTS")?;
        let (agents, distinct) = agents.strip_suffix('d').map_or((agents, false), |n| (n, true));
        Ok(Self { policies: policies.parse()?, agents: agents.parse()?, distinct })
    }

    fn name(self) -> String {
        let distinct = if self.distinct { "d" } else { "" };
        format!("{}x{}{distinct}", self.policies, self.agents)
    }

    /// Whether its agents are known by a certificate as well.
    fn has_workloads(self) -> bool {
        self.policies >= WITH_WORKLOADS && self.agents >= WITH_WORKLOADS
    }
}

/// One company.
pub(crate) struct Company {
    pub(crate) world: World,
    pub(crate) bundle: String,
    size: Size,
    signer: Signer,
    /// After its revision.
    contents: String,
}

impl Company {
    pub(crate) fn new(repository: &Path, size: Size) -> Result<Self> {
        let mut world = World::new(repository)?;
        let signer = Signer::es256("bundles")?;
        let contents = contents(&mut world, size)?;
        let fetch =
            json!({"cluster": CLUSTER, "authority": "bundles.acme.example", "path": "/deputy"});
        let section = json!({"keys": jwks([&signer]), "fetch": fetch, "poll_seconds": 2});
        set(&mut world.configuration, "bundle", section)?;
        let mut company = Self { world, bundle: String::new(), size, signer, contents };
        company.revise(REVISION);
        Ok(company)
    }

    /// The same with another number.
    fn revise(&mut self, revision: u64) {
        let contents = format!("{{\"revision\":{revision},{}", self.contents);
        let header = json!({"typ": "deputy-bundle+jwt", "kid": "ES256"});
        self.bundle = self.signer.signed_text(header, &contents);
    }

    /// What a host is given: configuration, bundle, the one after it, and request.
    pub(crate) fn write(mut self, folder: &Path) -> Result<()> {
        let name = self.size.name();
        let request = Asking::http().to_json(&self.world.token(0));
        write(folder, &format!("{name}.json"), self.world.configuration.to_string().as_bytes())?;
        write(folder, &format!("{name}.jws"), self.bundle.as_bytes())?;
        self.revise(REVISION + 1);
        write(folder, &format!("{name}-next.jws"), self.bundle.as_bytes())?;
        write(folder, "request.json", request.to_string().as_bytes())
    }

    fn load(&self) -> Result<Loaded> {
        let engine = Engine::new(self.world.configuration.to_string().as_bytes());
        let mut engine = engine.map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let now = Timestamp::from_unix_millis(self.world.now * 1000);
        let fetch = engine.due(now).into_iter().next().context("nothing is fetched")?;
        let headers = Fetch::reply_headers(|_| None);
        let reply =
            FetchReply::Answered { status: 200, headers, body: self.bundle.clone().into_bytes() };
        let began = Instant::now();
        engine.absorb(fetch.clone(), reply, now);
        let mut longest = began.elapsed();
        loop {
            let part = Instant::now();
            let done = engine.work(now) == Work::Nothing;
            longest = longest.max(part.elapsed());
            if done {
                break;
            }
        }
        let took = began.elapsed();
        if let Some(error) = engine.fetch_error(&fetch) {
            anyhow::bail!("{error}");
        }
        Ok(Loaded { engine, took, longest })
    }
}

/// An engine with its bundle, how long that took, and the longest call of it.
struct Loaded {
    engine: Engine,
    took: Duration,
    longest: Duration,
}

/// Decisions in each company and, where there are few enough agents for it to be built, what Cedar's
/// authorizer takes over all of its policies: `{subject: [microseconds in round 1, …]}`, and what loading took.
pub(crate) fn measure(repository: &Path, sizes: &[Size], rounds: usize) -> Result<Value> {
    let companies: Vec<_> =
        sizes.iter().map(|size| Company::new(repository, *size)).collect::<Result<_>>()?;
    let (world, http) = (World::new(repository)?, Asking::http());
    let mut alone = Vec::new();
    let (mut subjects, mut loads) = (Vec::new(), Map::new());
    for company in &companies {
        let name = company.size.name();
        let Loaded { engine, took, longest } = company.load()?;
        loads.insert(format!("load {name}"), json!([took.as_secs_f64() * 1e6]));
        loads.insert(format!("longest {name}"), json!([longest.as_secs_f64() * 1e6]));
        let mut host = Host::with(engine, company.world.now);
        let pairs = http.pairs(&company.world.token(0));
        let (allowed, receipt) = host.decided(&pairs, "")?;
        ensure!(allowed, "{name}: refused: {receipt}");
        let once = Box::new(move || host.allowed(&pairs, ""));
        subjects.push(Subject::new(format!("decide {name}"), once));
        if company.size.agents <= FEW {
            let one = Alone::with(&world, &http, &policies(company.size))?;
            decide::same(&receipt, &one)?;
            alone.push((name, one));
        }
    }
    for (name, alone) in &alone {
        let once = Box::new(move || {
            ensure!(black_box(alone).decide(), "Cedar alone said no");
            Ok(())
        });
        subjects.push(Subject::new(format!("cedar {name}"), once));
    }
    let mut measured = subject::measure(subjects, rounds)?;
    if let Some(members) = measured.as_object_mut() {
        members.extend(loads);
    }
    Ok(measured)
}

/// Takes what says who may do what out of the configuration, and more of it: a bundle without its revision.
fn contents(world: &mut World, size: Size) -> Result<String> {
    let text = policies(size);
    let document = world.configuration.as_object_mut().context("no configuration")?;
    let own = document.remove("agents").context("no agents")?;
    document.remove("policy");
    let mut tools = Map::new();
    for server in document.get_mut("mcp").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = server["server"].as_str().context("a server without a name")?.to_owned();
        let of_server = server.as_object_mut().and_then(|server| server.remove("tools"));
        tools.insert(name, of_server.unwrap_or_default());
    }
    let mut contents = json!({
        "version": 1, "issued_at": "2026-01-01T00:00:00Z", "expires": "2036-01-01T00:00:00Z",
        "tools": tools, "policies": files(&text),
    });
    for section in ["attributes", "teams", "humans", "http"] {
        if let Some(value) = document.remove(section) {
            contents[section] = value;
        }
    }
    // As text: a million of them as values would take a gigabyte.
    let mut agents = own.to_string();
    agents.pop();
    for number in 1..=size.agents {
        let _ = write!(agents, ",{}", agent(number, size.has_workloads()));
    }
    let contents = contents.to_string();
    let inside = contents.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inside = inside.context("no object")?;
    Ok(format!("{inside},\"agents\":{agents}]}}"))
}

fn agent(number: usize, is_workload: bool) -> String {
    let team = number % TEAMS;
    let spiffe = match is_workload {
        true => format!("\"spiffe\":\"spiffe://acme.example/agent/{number:07}\","),
        false => String::new(),
    };
    format!(
        "{{\"id\":\"https://idp.acme.example#agent-{number:07}\",{spiffe}\"owner\":\"team-{team:03}\",\
         \"status\":\"active\",\"teams\":[\"team-{team:03}\"]}}"
    )
}

/// The policies that the example's agent needs, and that many in all.
fn policies(size: Size) -> String {
    let mut text = OWN.to_owned();
    for number in OWN_POLICIES..size.policies {
        text.push_str(&policy(number, size.distinct));
    }
    text
}

/// As an operator would: not all of them in one file.
fn files(text: &str) -> Vec<Value> {
    let policies: Vec<_> = text.split_inclusive("};\n").collect();
    let files = policies.chunks(PER_FILE).enumerate();
    files
        .map(|(n, policies)| json!({"name": format!("{n}.cedar"), "text": policies.concat()}))
        .collect()
}

/// Of an agent of its own, or of a team; what it allows, or what it must not.
fn policy(number: usize, distinct: bool) -> String {
    let team = number % TEAMS;
    let (effect, who, when) = match number % 4 {
        0 => (
            "permit",
            format!("principal in Team::\"team-{team:03}\""),
            "context.grant.scopes.contains(\"orders\")",
        ),
        1 => (
            "forbid",
            format!("principal == Agent::\"https://idp.acme.example#agent-{number:07}\""),
            "context.credential.proofs.contains(\"none\") || context.input.id == \"0\"",
        ),
        _ => (
            "permit",
            format!("principal == Agent::\"https://idp.acme.example#agent-{number:07}\""),
            "context.grant.scopes.contains(\"orders\") && context.input.id != \"0\"",
        ),
    };
    let own = match distinct {
        true => format!(" && context.input.id != \"{number:06}\""),
        false => String::new(),
    };
    format!(
        "\n@id(\"policy-{number:06}\")\n{effect} ({who}, action == Action::\"orders:read\", \
         resource == Endpoint::\"orders\")\nwhen {{ ({when}){own} }};\n"
    )
}

/// Of the first bundle.
const REVISION: u64 = 7;
const PER_FILE: usize = 500;
const TEAMS: usize = 500;
/// Policies and agents of a company whose agents have SPIFFE ids.
const WITH_WORKLOADS: usize = 10_000;
/// Of companies with more agents Cedar alone is not asked: it does not look at them.
const FEW: usize = 1_000;
const CLUSTER: &str = "bundles";
/// What decides the request, the same everywhere: four policies of ten fit.
const OWN_POLICIES: usize = 10;
const OWN: &str = r#"
@id("support-agents-read")
permit (principal is Agent in Team::"support", action == Action::"orders:read", resource == Endpoint::"orders")
when { context.grant.scopes.contains("orders") };

@id("support-staff-read")
permit (principal is Human in Team::"support", action == Action::"orders:read", resource == Endpoint::"orders");

@id("no-nothing")
forbid (principal, action == Action::"orders:read", resource == Endpoint::"orders")
when { context.input.id == "nothing" };

@id("no-earlier-actors")
forbid (principal is Agent, action, resource)
when { context has delegation && context.delegation.depth > 3 };

@id("connect")
permit (principal, action in Action::"mcp/connect", resource == Server::"orders");

@id("limits")
forbid (principal, action == Action::"orders/refund", resource)
when { context.input.amount < 1 || context.input.amount > 1000 };

@id("read")
permit (principal is Agent in Team::"support", action in Action::"read", resource in Server::"orders");

@id("refund")
permit (principal is Agent in Team::"support", action == Action::"orders/refund", resource)
when { context.grant.scopes.contains("refunds") };

@id("humans")
permit (principal is Human in Team::"support", action in Action::"tools/call", resource in Server::"orders");

@id("reporting")
permit (principal is Agent in Team::"reporting", action == Action::"orders/export_customers", resource);
"#;

/// Writes the companies of those sizes into a folder.
pub(crate) fn write_all(repository: &Path, folder: &Path, sizes: &[Size]) -> Result<()> {
    fs::create_dir_all(folder)?;
    sizes.iter().try_for_each(|size| Company::new(repository, *size)?.write(folder))
}

/// Writes a company and so many of its bundles, one replacing the other.
pub(crate) fn write_revisions(
    repository: &Path,
    folder: &Path,
    size: Size,
    count: u64,
) -> Result<()> {
    let mut company = Company::new(repository, size)?;
    let configuration = company.world.configuration.to_string();
    write(folder, "reload.json", configuration.as_bytes())?;
    let request = Asking::http().to_json(&company.world.token(0));
    write(folder, "reload-request.json", request.to_string().as_bytes())?;
    for number in 0..count {
        company.revise(REVISION + number);
        write(folder, &format!("reload-{}.jws", REVISION + number), company.bundle.as_bytes())?;
    }
    Ok(())
}
