//! The files under `host-tests/cases`, as they are written. `README.md` there explains them.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::UpstreamSpec;
use super::connection::ConnectionSpec;
use super::expect::Expect;
use super::patch;
use super::proof::DpopSpec;
use super::request::RequestSpec;

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// What the cases are about.
    #[serde(rename = "about")]
    _about: String,
    /// What goes under every case.
    #[serde(default)]
    pub(super) defaults: Value,
    pub(super) cases: Vec<Map<String, Value>>,
}

/// What is said of a case as a whole; the rest is its first exchange.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    /// The rule, in snake case.
    pub(super) name: String,
    /// Where the rule comes from: ids of threats and standards.
    pub(super) refs: Vec<String>,
    /// Why, where name and refs don't say it.
    #[serde(rename = "why")]
    _why: Option<String>,
    /// Patch over `base.json`.
    #[serde(default)]
    pub(super) config: Value,
    /// Makes a signed bundle of what the configuration says about who may do what, and puts that in its
    /// place: how.
    #[serde(default)]
    pub(super) bundle: Value,
    /// Instead of the policies of `base.cedar`.
    pub(super) policy: Option<String>,
    /// After the policies of `base.cedar`.
    pub(super) policy_more: Option<String>,
    /// The files of `policies/library` instead of `base.cedar`.
    #[serde(default)]
    pub(super) library: bool,
    /// The configuration is refused, with these texts in what is said about it.
    pub(super) refused: Option<Vec<String>>,
    /// Further exchanges, each over the one before it.
    #[serde(default)]
    pub(super) then: Vec<Value>,
    /// Over the request that has to pass at the end.
    #[serde(default)]
    pub(super) probe: Value,
}

/// One exchange.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeSpec {
    #[serde(default = "default_token")]
    pub(super) token: Value,
    /// Further tokens: `${token NAME}`.
    #[serde(default)]
    pub(super) tokens: BTreeMap<String, Value>,
    /// A DPoP proof, and the token presented with it.
    pub(super) dpop: Option<DpopSpec>,
    pub(super) request: RequestSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) connection: ConnectionSpec,
    #[serde(default = "ok")]
    pub(super) keys: Value,
    /// What clusters that serve a signed document answer.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) documents: BTreeMap<String, Value>,
    /// What they answer once the upstream has begun to answer.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) meanwhile: BTreeMap<String, Value>,
    pub(super) upstream: Option<UpstreamSpec>,
    #[serde(default)]
    pub(super) times: Times,
    pub(super) expect: Expect,
}

/// When things happen.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    /// The request arrives: seconds after the suite's fixed instant.
    #[serde(default)]
    pub(super) now: f64,
    /// A fetch comes back: milliseconds after that.
    #[serde(default)]
    pub(super) fetched: u64,
    /// The body is complete: milliseconds after that.
    #[serde(default)]
    pub(super) complete: u64,
    /// The upstream answers: milliseconds after that.
    #[serde(default)]
    pub(super) answered: u64,
}

/// `null` takes away what a case said before.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn default_token() -> Value {
    super::token::DEFAULT_BASE.into()
}

fn ok() -> Value {
    "ok".into()
}

/// A case, taken apart: its frame and its exchanges as JSON, defaults filled in.
pub(super) fn parts(
    defaults: &Value,
    case: &Map<String, Value>,
) -> anyhow::Result<Vec<(String, Value)>> {
    let mut whole = defaults.clone();
    patch::overlay(&mut whole, &Value::Object(case.clone()));
    let members = whole.as_object_mut().context("a case is an object")?;
    let variants = members.remove("variants");
    let Some(variants) = variants else {
        return Ok(vec![(String::new(), whole)]);
    };
    let variants = variants.as_array().cloned().context("`variants` is a list")?;
    variants.iter().map(|variant| with_variant(&whole, variant)).collect()
}

fn with_variant(case: &Value, variant: &Value) -> anyhow::Result<(String, Value)> {
    let mut variant = variant.clone();
    let name =
        variant.as_object_mut().and_then(|v| v.remove("name")).context("a variant has a name")?;
    let name = name.as_str().context("a variant's name is a text")?.to_owned();
    let mut whole = case.clone();
    patch::overlay(&mut whole, &variant);
    Ok((name, whole))
}

/// The frame and the first exchange of a case.
pub(super) fn split(case: Value) -> anyhow::Result<(Frame, Value)> {
    let Value::Object(members) = case else { bail!("a case is an object") };
    let of_frame = |name: &str| FRAME.contains(&name);
    let (frame, exchange): (Map<_, _>, Map<_, _>) =
        members.into_iter().partition(|(name, _)| of_frame(name));
    Ok((serde_json::from_value(Value::Object(frame))?, Value::Object(exchange)))
}

const FRAME: [&str; 11] = [
    "name",
    "refs",
    "why",
    "config",
    "policy",
    "policy_more",
    "library",
    "refused",
    "then",
    "probe",
    "bundle",
];
