//! One JSON-RPC message of a response: passed on, rewritten or withheld.
//!
//! A list is taken apart as text: the tools that stay are passed on as they were written, because
//! schemas hold numbers that no reader agrees on (`maximum: 18446744073709551615`) and none of them
//! is ours to round. A tool that breaks any other rule of the strict reader costs the list only
//! itself; anywhere else the message is withheld.

use std::collections::BTreeSet;

use super::{Expected, Withheld};
use crate::json::{Limits, Malformed, Raw, Value, is_alias};
use crate::protocol::mcp::rpc_id;

/// Nested arrays and objects; those of a schema count two for each level of its properties.
const MAX_DEPTH: usize = 64;
/// Members and elements of one tool, or of everything else in the message.
const MAX_ITEMS: usize = 20_000;
/// Longest time a client may keep the list, in milliseconds. What a caller may do can change with
/// the next policy (MCP-30).
const MAX_TTL: i64 = 60_000;

/// A message, by its members.
struct Members<'a>(Vec<(String, Raw<'a>)>);

/// What goes on in its place.
pub(super) fn filter(
    message: &[u8],
    expected: &Expected,
    may_call: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<u8>, Withheld> {
    let raw = Raw::parse(message, &limits(message.len()))?;
    match raw.text().as_bytes().first() {
        Some(b'[') => return Err(Withheld::Batch),
        Some(b'{') => {}
        _ => return Err(Withheld::NotAMessage),
    }
    let members = Members(raw.members()?);
    if let Some(result) = members.get("result") {
        members.is_answer(expected, "result")?;
        let result = list(result, may_call)?;
        return Ok(members.with(&[("result", result)]).into_bytes());
    }
    raw.check(&limits(message.len()))?;
    // Another reader could find a result here (`Result`); an error that is no JSON-RPC has none.
    if members.has_alias("result") {
        return Err(Withheld::NotAMessage);
    }
    if expected.success {
        members.is_other(expected)?;
    }
    Ok(message.to_vec())
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }

    fn has_alias(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| is_alias(n, name))
    }

    fn only(&self, names: &[&str]) -> Result<(), Withheld> {
        let known = self.0.iter().all(|(name, _)| names.contains(&name.as_str()));
        let version = self.get("jsonrpc").is_some_and(|v| v.text() == "\"2.0\"");
        if known && version { Ok(()) } else { Err(Withheld::NotAMessage) }
    }

    /// An answer to our request: a result has our id, an error may have none (MCP basic/index).
    fn is_answer(&self, expected: &Expected, kind: &str) -> Result<(), Withheld> {
        self.only(&["jsonrpc", "id", kind])?;
        let id = match self.get("id").map(|id| id.value(&limits(id.text().len()))).transpose()? {
            None | Some(Value::Null) if kind == "error" => return Ok(()),
            id => id.as_ref().and_then(rpc_id),
        };
        if id == Some(expected.id.clone()) { Ok(()) } else { Err(Withheld::OtherRequest) }
    }

    /// Not a result: an error, or what a server says or asks meanwhile.
    fn is_other(&self, expected: &Expected) -> Result<(), Withheld> {
        if self.get("error").is_some() {
            return self.is_answer(expected, "error");
        }
        self.only(&["jsonrpc", "id", "method", "params"])?;
        let method = self.get("method").is_some_and(|m| m.text().starts_with('"'));
        if method { Ok(()) } else { Err(Withheld::NotAMessage) }
    }

    /// The same with some members replaced, or added at the end.
    fn with(&self, new: &[(&str, String)]) -> String {
        let replaced =
            |name: &str| new.iter().find(|(n, _)| *n == name).map(|(_, text)| text.as_str());
        let kept = self.0.iter().map(|(n, v)| (n.as_str(), replaced(n).unwrap_or(v.text())));
        let added =
            new.iter().filter(|(n, _)| self.get(n).is_none()).map(|(n, text)| (*n, text.as_str()));
        let members =
            kept.chain(added).map(|(n, text)| format!("{}:{text}", Value::from(n).to_text()));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// The result without what the caller could not call. It is this caller's alone from now on
/// (MCP-30), which is said in every version: to the older ones it is a member they don't know.
fn list(result: Raw<'_>, may_call: &mut dyn FnMut(&str) -> bool) -> Result<String, Withheld> {
    if !result.text().starts_with('{') {
        return Err(Withheld::NotAList);
    }
    let members = Members(result.members()?);
    let tools =
        members.get("tools").filter(|t| t.text().starts_with('[')).ok_or(Withheld::NotAList)?;
    for (_, other) in members.0.iter().filter(|(name, _)| name != "tools") {
        other.check(&limits(other.text().len()))?;
    }
    let tools = tools.elements()?;
    if tools.len() > MAX_TOOLS {
        return Err(Withheld::TooMany);
    }
    let mut seen = BTreeSet::new();
    let tools = tools.into_iter().filter(|tool| stays(*tool, &mut seen, may_call));
    let tools = format!("[{}]", tools.map(Raw::text).collect::<Vec<_>>().join(","));
    let mut new = vec![("tools", tools), ("cacheScope", "\"private\"".to_owned())];
    new.extend(members.get("ttlMs").and_then(shorter).map(|ttl| ("ttlMs", ttl.to_string())));
    Ok(members.with(&new))
}

/// Of two tools of one name, a client may take either for the one that was judged: the second goes.
fn stays(
    tool: Raw<'_>,
    seen: &mut BTreeSet<String>,
    may_call: &mut dyn FnMut(&str) -> bool,
) -> bool {
    name(tool).is_some_and(|name| may_call(&name) && seen.insert(name))
}

/// The name of a tool whose whole definition can be read in one way only.
fn name(tool: Raw<'_>) -> Option<String> {
    tool.check(&limits(tool.text().len())).ok()?;
    let name = Members(tool.members().ok()?).get("name")?;
    name.value(&limits(name.text().len())).ok()?.as_str().map(str::to_owned)
}

/// What to say instead of a time to live that is too long, or that is none.
fn shorter(ttl: Raw<'_>) -> Option<i64> {
    match ttl.value(&limits(ttl.text().len())) {
        Ok(Value::Integer(n)) if n <= MAX_TTL => None,
        Ok(Value::Integer(_)) => Some(MAX_TTL),
        _ => Some(0),
    }
}

/// Each costs up to two evaluations. Servers with more than some hundred tools page their lists.
const MAX_TOOLS: usize = 2_000;

fn limits(bytes: usize) -> Limits {
    Limits { bytes, depth: MAX_DEPTH, items: MAX_ITEMS }
}

impl From<Malformed> for Withheld {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
