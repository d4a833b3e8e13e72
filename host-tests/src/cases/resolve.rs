//! From what a case says to the bytes every host gets.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::answer::{self, UpstreamSpec};
use super::approvals;
use super::bundle::{self, Sections};
use super::connection;
use super::directory;
use super::expect::Expect;
use super::format::{ExchangeSpec, Frame, Times};
use super::keys::{Key, encode};
use super::proof;
use super::request::Credentials;
use super::resolved::{Bytes, Exchange, FetchAnswer, Resolved};
use super::text::{self, Placeholders};
use super::token::{self, BaseTokens};
use super::{Case, Expected, Source, patch};
use super::{security_events, status_list};

/// What all cases start from.
pub(super) struct World {
    configuration: Value,
    policies: String,
    /// The files of `policies/library`, as a configuration has them.
    library: Value,
    tokens: BaseTokens,
}

impl World {
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            std::fs::read_to_string(folder.join(name))
                .with_context(|| folder.join(name).display().to_string())
        };
        Ok(Self {
            configuration: serde_json::from_str(&read("base.json")?).context("base.json")?,
            policies: read("base.cedar")?,
            library: library()?,
            tokens: serde_json::from_str(&read("tokens.json")?).context("tokens.json")?,
        })
    }
}

/// Every file of `policies/library`, in the order of their names.
fn library() -> anyhow::Result<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/library");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|e| Ok(e?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    let file = |path: &std::path::PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).context("a readable name")?;
        Ok(serde_json::json!({"name": name, "text": std::fs::read_to_string(path)?}))
    };
    Ok(Value::Array(paths.iter().map(file).collect::<anyhow::Result<_>>()?))
}

/// When exchanges happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// When `times` says, from [`NOW`] on.
    Virtual,
    /// All at this instant, whatever `times` says.
    Real(u64),
}

/// A case, and what it was made from.
pub(super) fn resolve(
    world: &World,
    source: Source,
    (name, frame): (String, &Frame),
    specs: Vec<ExchangeSpec>,
    clock: Clock,
) -> anyhow::Result<Case> {
    let (configuration, sections) = configuration(world, frame)?;
    let mut exchanges = Vec::new();
    let mut expected = Vec::new();
    for (i, spec) in specs.into_iter().enumerate() {
        let made = exchange(world, (frame, sections.as_ref()), spec, (clock, &name))
            .with_context(|| format!("exchange number {}", i + 1))?;
        exchanges.push(made.0);
        expected.push(made.1);
    }
    let clusters = clusters(&configuration);
    let configuration = Bytes(serde_json::to_vec(&configuration)?);
    let entropy = Bytes(ENTROPY.to_vec());
    let resolved = Resolved { name, configuration, entropy, clusters, exchanges };
    let (refs, refused) = (frame.refs.clone(), frame.refused.clone());
    Ok(Case { resolved, refs, refused, expected, source })
}

fn configuration(world: &World, frame: &Frame) -> anyhow::Result<(Value, Option<Sections>)> {
    let mut configuration = world.configuration.clone();
    let policies = frame.policy.as_deref().unwrap_or(&world.policies);
    let policies = format!("{policies}{}", frame.policy_more.as_deref().unwrap_or_default());
    configuration["policy"]["files"] = match frame.library {
        true => world.library.clone(),
        false => serde_json::json!([{"name": "base.cedar", "text": policies}]),
    };
    let sections = match frame.bundle.is_null() {
        true => None,
        false => Some(bundle::make(&mut configuration, &frame.bundle).context("bundle")?),
    };
    if !frame.config.is_null() {
        patch::apply(&mut configuration, &frame.config).context("config")?;
    }
    fill_keys(&mut configuration)?;
    Ok((configuration, sections))
}

/// `"${jwks es-1 ed-1}"` becomes a JWK Set, `"${thumbprint es-1}"` the name of a key (RFC 7638),
/// `"${x5t client}"` that of a certificate (RFC 8705 §3.1).
fn fill_keys(value: &mut Value) -> anyhow::Result<()> {
    match value {
        Value::String(text) => {
            let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            match inner.and_then(|inner| inner.split_once(' ')) {
                Some(("jwks", names)) => {
                    let names: Vec<Value> = names.split(' ').map(Value::from).collect();
                    *value = answer::jwks(&names)?;
                }
                Some(("thumbprint", name)) => *value = Key::named(name)?.thumbprint().into(),
                Some(("x5t", name)) => *value = encode(&connection::digest(name)).into(),
                _ => {}
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(fill_keys),
        Value::Object(members) => members.values_mut().try_for_each(fill_keys),
        _ => Ok(()),
    }
}

fn clusters(configuration: &Value) -> Vec<String> {
    match configuration {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(cluster) if name == "cluster" => vec![cluster.to_owned()],
                _ => clusters(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(clusters).collect(),
        _ => Vec::new(),
    }
}

fn exchange(
    world: &World,
    (frame, sections): (&Frame, Option<&Sections>),
    spec: ExchangeSpec,
    (clock, name): (Clock, &str),
) -> anyhow::Result<(Exchange, Expected)> {
    let Times { now, fetched, complete, answered } = spec.times;
    let arrives = match clock {
        Clock::Virtual => NOW.saturating_add_signed((now * 1000.0).round() as i64),
        Clock::Real(now) => now,
    };
    // On a host where all cases share one store, each has proofs of its own.
    let scope = match clock {
        Clock::Virtual => "",
        Clock::Real(_) => name,
    };
    let tokens = proof::scoped(&world.tokens, scope);
    let mint = |token: &Value| token::mint(token, &tokens, arrives / 1000);
    let token = mint(&spec.token)?;
    let mut others = BTreeMap::new();
    for (name, token) in &spec.tokens {
        others.insert(name.clone(), mint(token).with_context(|| format!("token {name:?}"))?);
    }
    let mut known = Known { token: token.clone(), others, proof: None, mint: &mint };
    if let (Some(dpop), Some(token)) = (&spec.dpop, &token) {
        let (method, path) = spec.request.target(&known)?;
        let proof = dpop.make((&method, &path), token, (arrives / 1000, scope)).context("dpop")?;
        known.proof = Some(proof);
    }
    let credentials = Credentials { token: token.is_some(), proof: known.proof.is_some() };
    let request = spec.request.resolve(credentials, &known).context("request")?;
    let upstream = match spec.upstream {
        Some(upstream) => upstream,
        None => serde_json::from_value::<UpstreamSpec>(serde_json::json!({}))?,
    };
    let seconds = arrives / 1000;
    let mut documents =
        documents(frame, (sections, seconds), &spec.documents, &known).context("documents")?;
    for (name, spec_of) in &spec.documents {
        let of = spec.request.called();
        if let Some(answer) = approvals::answer(spec_of, of, (arrives / 1000, scope))? {
            documents.insert(name.clone(), answer);
        }
    }
    let exchange = Exchange {
        arrives,
        fetched: arrives + fetched,
        complete: arrives + fetched + complete,
        answered: arrives + fetched + complete + answered,
        headers: request.headers,
        attributes: spec.connection.attributes(),
        body: request.body,
        trailers: request.trailers,
        fetches: answer::fetches(&spec.keys, &known).context("keys")?,
        documents,
        meanwhile: answers((sections, seconds), spec.meanwhile.iter(), &known)
            .context("meanwhile")?,
        upstream: upstream.resolve(&known).context("upstream")?,
    };
    let expect = filled(spec.expect, &known, arrives / 1000).context("expect")?;
    let all = token.into_iter().chain(known.others.into_values().flatten()).chain(known.proof);
    let tokens = all.collect();
    Ok((exchange, Expected { expect, tokens }))
}

/// What clusters answer that serve one document each: the bundle, the list of revocations, a status list.
fn documents(
    frame: &Frame,
    (sections, now): (Option<&Sections>, u64),
    spec: &BTreeMap<String, Value>,
    known: &dyn Placeholders,
) -> anyhow::Result<BTreeMap<String, FetchAnswer>> {
    let mut documents = BTreeMap::new();
    if let Some(sections) = sections.filter(|_| frame.bundle["fetch"] == true) {
        let text = sections.signed(&frame.bundle)?;
        documents.insert(bundle::CLUSTER.to_owned(), answer::text(text));
    }
    let of_approvals = |name: &str| name.starts_with(approvals::CLUSTER);
    let is_answer =
        |spec: &Value| ["pending", "denied", "approved"].iter().any(|k| spec.get(k).is_some());
    let spec = spec.iter().filter(|(name, spec)| !(of_approvals(name) && is_answer(spec)));
    documents.extend(answers((sections, now), spec, known)?);
    Ok(documents)
}

fn answers<'s>(
    (sections, now): (Option<&Sections>, u64),
    spec: impl Iterator<Item = (&'s String, &'s Value)>,
    known: &dyn Placeholders,
) -> anyhow::Result<BTreeMap<String, FetchAnswer>> {
    let mut documents = BTreeMap::new();
    for (cluster, spec) in spec {
        let answer = match (spec.get("bundle"), spec.get("revocations"), sections) {
            _ if !spec["security_events"].is_null() => {
                answer::text(security_events::delivered(&spec["security_events"], now)?)
            }
            _ if !spec["agents"].is_null() => answer::text(directory::listed(&spec["agents"])?),
            _ if !spec["status_list"].is_null() => {
                answer::text(status_list::signed(&spec["status_list"], now)?)
            }
            (Some(spec), _, Some(sections)) => answer::text(sections.signed(spec)?),
            (_, Some(spec), _) => answer::text(bundle::revocations(spec)?),
            _ => answer::fetch(spec, known)?,
        };
        documents.insert(cluster.clone(), answer);
    }
    Ok(documents)
}

/// What an expectation leaves out, where there is one sensible answer, and its placeholders.
fn filled(mut expect: Expect, known: &dyn Placeholders, now: u64) -> anyhow::Result<Expect> {
    for value in expect.receipt.iter_mut().chain(expect.reply_headers.values_mut()) {
        proof::fill(value, now)?;
    }
    if expect.verdict == "needs_approval" && expect.reason.is_none() {
        expect.reason = Some("approval_required".to_owned());
    }
    for value in expect.upstream.values_mut().filter(|value| value.is_string()) {
        *value = Value::String(String::from_utf8(text::bytes(value, known)?)?);
    }
    Ok(expect)
}

struct Known<'m> {
    token: Option<String>,
    others: BTreeMap<String, Option<String>>,
    proof: Option<String>,
    mint: &'m dyn Fn(&Value) -> anyhow::Result<Option<String>>,
}

impl Placeholders for Known<'_> {
    fn fill(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(match (name, arguments) {
            ("proof", []) => self.proof.clone().map(String::into_bytes),
            ("token", []) => self.token.clone().map(String::into_bytes),
            ("token", [name]) => match self.others.get(*name) {
                Some(token) => token.clone().map(String::into_bytes),
                None => (self.mint)(&Value::from(*name))?.map(String::into_bytes),
            },
            ("certificate_hex", [name]) => Some(connection::digest_hex(name).into_bytes()),
            ("jwk", [name]) => Some(serde_json::to_vec(&Key::named(name)?.jwk())?),
            _ => None,
        })
    }
}

/// The instant of every first exchange: 2026-11-23T18:17:50.204Z. Not a whole second, so that
/// a rounding would show.
pub const NOW: u64 = 1_795_457_870_204;

/// Recognisable in an evaluation id.
const ENTROPY: [u8; 10] = *b"deputycase";
