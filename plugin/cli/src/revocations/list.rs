//! What is revoked, by kind, gathered from where it is said.

use std::path::Path;

use anyhow::{Context as _, bail};
use deputy_engine::check_revocations;
use serde_json::{Map, Value, json};

use super::Named;
use crate::files;
use crate::lines::line_of;

/// A list that somebody wrote, held against every rule.
pub(super) fn read(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let text = files::read(path)?;
    if let Err(problems) = check_revocations(text.as_bytes()) {
        let mut count = 0_usize;
        for problem in problems.iter() {
            let inside = problem.path.strip_prefix("revocations").unwrap_or_default();
            let line = line_of(&text, inside);
            eprintln!("error: {}:{line}: {}: {}", path.display(), problem.path, problem.message);
            count = count.saturating_add(1);
        }
        let noun = if count == 1 { "problem" } else { "problems" };
        bail!("{count} {noun} in {}; nothing was signed", path.display());
    }
    match serde_json::from_str(&text)? {
        Value::Object(list) => Ok(list),
        _ => bail!("{} is not a list of revocations", path.display()),
    }
}

impl Named {
    /// What the arguments name, in the form of a file.
    pub(super) fn list(&self) -> Map<String, Value> {
        let pairs = |both: &[String], first: &str, second: &str| -> Vec<Value> {
            let pair = |pair: &[String]| match pair {
                [one, other] => Some(json!({first: one, second: other})),
                _ => None,
            };
            both.chunks_exact(2).filter_map(pair).collect()
        };
        let list = json!({
            "agents": self.agents,
            "delegators": self.delegators,
            "owners": self.owners,
            "delegations": pairs(&self.delegations, "agent", "delegator"),
            "tokens": pairs(&self.tokens, "issuer", "jti"),
            "keys": self.keys,
            "issuers": self.issuers,
        });
        list.as_object().cloned().unwrap_or_default()
    }
}

/// Both together, each entry once, in an order that does not depend on who said it first.
pub(super) fn join(lists: impl IntoIterator<Item = Map<String, Value>>) -> anyhow::Result<Value> {
    let mut joined = Map::new();
    for (kind, entries) in lists.into_iter().flatten() {
        let entries = entries.as_array().cloned().context("a kind of revocations is a list")?;
        if let Value::Array(all) = joined.entry(kind).or_insert_with(|| json!([])) {
            all.extend(entries);
        }
    }
    for entries in joined.values_mut().filter_map(Value::as_array_mut) {
        entries.sort_by_key(Value::to_string);
        entries.dedup();
    }
    joined.retain(|_, entries| entries.as_array().is_some_and(|entries| !entries.is_empty()));
    Ok(Value::Object(joined))
}

/// What the one before has and the new one has not, each as a person would name it.
pub(super) fn dropped(before: &Value, now: &Value) -> Vec<String> {
    let kinds = before.as_object().into_iter().flatten();
    let gone = kinds.flat_map(|(kind, entries)| {
        let left = now[kind].as_array();
        let entries = entries.as_array().into_iter().flatten();
        let gone = entries.filter(move |entry| left.is_none_or(|left| !left.contains(entry)));
        gone.map(move |entry| format!("{kind} {entry}"))
    });
    gone.collect()
}

/// What is in a list, in one line.
pub(super) fn summary(list: &Value) -> String {
    let counted = |kind: &&str| list[*kind].as_array().map_or(0, Vec::len);
    let kinds = KINDS.iter().filter(|kind| counted(kind) > 0);
    let told: Vec<_> = kinds.map(|kind| format!("{} {kind}", counted(kind))).collect();
    if told.is_empty() { "nothing is revoked".to_owned() } else { told.join(", ") }
}

const KINDS: [&str; 7] =
    ["agents", "delegators", "owners", "delegations", "tokens", "keys", "issuers"];
