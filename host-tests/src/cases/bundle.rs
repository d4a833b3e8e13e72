//! A signed bundle instead of the sections of a configuration that say who may do what.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{answer, patch, token};

/// What bundles of a case are made from: its sections that say who may do what.
pub(super) struct Sections(Value);

/// Moves those sections out of the configuration and puts a bundle in their place; `spec.fetch`: one
/// that is fetched from the cluster `bundles`.
pub(super) fn make(configuration: &mut Value, spec: &Value) -> anyhow::Result<Sections> {
    let mut contents = json!({
        "version": 1,
        "revision": 7,
        "issued_at": "2026-11-23T18:00:00Z",
        "expires": "2026-11-30T18:00:00Z",
    });
    let document = configuration.as_object_mut().context("a configuration is an object")?;
    for section in SECTIONS {
        if let Some(value) = document.remove(section) {
            contents[section] = value;
        }
    }
    let mut policy = document.remove("policy").context("`policy`")?;
    contents["policies"] = policy["files"].take();
    contents["tools"] = tools(document);
    let sections = Sections(contents);
    let mut section = json!({"keys": answer::jwks(&[KEY.into()])?});
    if spec["fetch"] == true {
        section["fetch"] =
            json!({"cluster": CLUSTER, "authority": "bundles.acme.example", "path": "/deputy"});
    } else {
        section["inline"] = sections.signed(spec)?.into();
    }
    document.insert("bundle".to_owned(), section);
    Ok(sections)
}

impl Sections {
    /// A bundle of them, changed as `spec` says (`contents`: a patch) and signed (the rest is a recipe
    /// as for a token).
    pub(super) fn signed(&self, spec: &Value) -> anyhow::Result<String> {
        let mut contents = self.0.clone();
        let mut recipe = spec.as_object().cloned().context("a bundle is described by an object")?;
        recipe.remove("fetch");
        if let Some(change) = recipe.remove("contents") {
            patch::apply(&mut contents, &change).context("contents")?;
        }
        recipe.insert("claims".to_owned(), contents);
        sign(recipe, "deputy-bundle+jwt")
    }
}

/// A list of revocations: `claims` over an empty one.
pub(super) fn revocations(spec: &Value) -> anyhow::Result<String> {
    let mut recipe = spec.as_object().cloned().context("a list is described by an object")?;
    let mut contents = json!({
        "version": 1,
        "revision": 1,
        "issued_at": "2026-11-23T18:00:00Z",
        "expires": "2026-11-24T18:00:00Z",
    });
    if let Some(change) = recipe.remove("contents") {
        patch::apply(&mut contents, &change).context("contents")?;
    }
    recipe.insert("claims".to_owned(), contents);
    sign(recipe, "deputy-revocations+jwt")
}

fn sign(mut recipe: Map<String, Value>, typ: &str) -> anyhow::Result<String> {
    recipe.entry("key").or_insert_with(|| KEY.into());
    recipe.entry("header").or_insert_with(|| json!({"typ": typ}));
    token::sign(&Value::Object(recipe))
}

fn tools(document: &mut Map<String, Value>) -> Value {
    let servers = document.get_mut("mcp").and_then(Value::as_array_mut).into_iter().flatten();
    let of_server = |server: &mut Value| {
        let name = server["server"].as_str()?.to_owned();
        Some((name, server.as_object_mut()?.remove("tools")?))
    };
    servers.filter_map(of_server).collect::<Map<_, _>>().into()
}

const SECTIONS: [&str; 7] =
    ["attributes", "teams", "humans", "agents", "grants", "revocations", "http"];
/// Whose signature the configuration accepts.
const KEY: &str = "ed-9";
/// Where a fetched bundle is.
pub(super) const CLUSTER: &str = "bundles";
