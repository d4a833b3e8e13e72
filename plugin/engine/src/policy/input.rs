//! The type of a tool's input: one Cedar record type, of types that arguments can have.
//!
//! Each is looked at by itself, so that what is wrong with one hides nothing of another.

use cedar_policy::SchemaFragment;

use super::depth::{TOO_DEEP, too_deep};
use super::load::Problem;

/// Everything that is wrong with it.
pub(super) fn check(path: &str, input: &str) -> Vec<Problem> {
    let at = |message: String| Problem::at(format!("{path}.input"), message);
    if too_deep(input, true).is_some() {
        return vec![at(TOO_DEEP.to_owned())];
    }
    if !input.trim_start().starts_with('{') {
        return vec![at("must be a Cedar record type, such as `{ id: Long }`".to_owned())];
    }
    let read = SchemaFragment::from_cedarschema_str(&format!("type Input = {input};"));
    let json = match read {
        Ok((fragment, _)) => fragment.to_json_value(),
        Err(e) => return vec![at(format!("is not a Cedar record type: {e}"))],
    };
    match json.ok().as_ref().and_then(only_type) {
        None => vec![at("must be a single Cedar record type".to_owned())],
        Some(input) => foreign(input).into_iter().map(at).collect(),
    }
}

/// The one thing that the text declares, if it is one.
fn only_type(json: &serde_json::Value) -> Option<&serde_json::Value> {
    let space = json.get("")?;
    let count = |key: &str| space.get(key).and_then(|v| v.as_object()).map_or(0, |o| o.len());
    let one = count("commonTypes") == 1 && count("entityTypes") == 0 && count("actions") == 0;
    space.get("commonTypes")?.get("Input").filter(|_| one)
}

/// The types in it that no JSON value becomes: a call could never be permitted.
fn foreign(input: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![input];
    while let Some(kind) = todo.pop() {
        let members = kind.get("attributes").and_then(|a| a.as_object());
        todo.extend(members.into_iter().flat_map(|members| members.values()));
        todo.extend(kind.get("element"));
        let name = kind.get("name").and_then(|name| name.as_str());
        let bare = name.map(|name| name.strip_prefix("__cedar::").unwrap_or(name));
        if let Some(name) = bare.filter(|name| !TYPES.contains(name)) {
            found.push(format!(
                "`{name}` is no type of arguments; there are String, Long, Bool, decimal, Set<…> and records"
            ));
        }
    }
    found
}

/// Types with a name that JSON values become (`value`).
const TYPES: [&str; 5] = ["String", "Long", "Bool", "Boolean", "decimal"];
