//! One JSON-RPC message of a response: passed on, rewritten or withheld.
//!
//! A list is taken apart as text: the entries that stay are passed on as they were written, because
//! schemas hold numbers that no reader agrees on (`maximum: 18446744073709551615`) and none of them
//! is ours to round. An entry that breaks any other rule of the strict reader costs the list only
//! itself; anywhere else the message is withheld. Of a result that is no list only the members are
//! read: what is in them is for the client.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{ASKS, Expected, Judge, ListOf, Withheld};
use crate::json::{Limits, Malformed, Member, Object, Raw, Value, is_alias};
use crate::protocol::mcp::rpc_id;

/// Nested arrays and objects; those of a schema count two for each level of its properties.
const MAX_DEPTH: usize = 64;
/// Members and elements of one entry, or of everything else in the message.
const MAX_ITEMS: usize = 20_000;
/// Longest time a client may keep the list, in milliseconds. What a caller may do can change with
/// the next policy (MCP-30).
const MAX_TTL: i64 = 60_000;
/// MCP 2025-11-25: an error that asks the client to open a page (elicitation in URL mode).
const URL_ELICITATION_REQUIRED: &str = "-32042";

/// A message, by its members.
struct Members<'a>(Vec<Member<'a>>);

/// What a result answers.
enum Answered {
    Plain,
    List(ListOf),
    /// Some earlier request, so whatever it could be.
    Unknown,
}

/// What goes on in its place.
pub(super) fn filter(
    message: &[u8],
    expected: &Expected,
    judge: &mut dyn Judge,
) -> Result<Vec<u8>, Withheld> {
    let limits = limits(message.len());
    if message.trim_ascii_start().first() == Some(&b'{') {
        let (raw, members) = Raw::parse_members(message, &limits)?;
        return Ok(match single(raw, Members(members), expected, judge)? {
            Cow::Borrowed(_) => message.to_vec(),
            Cow::Owned(other) => other.into_bytes(),
        });
    }
    let raw = Raw::parse(message, &limits)?;
    if !raw.text().starts_with('[') {
        return Err(Withheld::NotAMessage);
    }
    if !expected.answers.batch {
        return Err(Withheld::Batch);
    }
    let each = raw.elements()?.into_iter().map(|one| {
        if !one.text().starts_with('{') {
            return Err(Withheld::NotAMessage);
        }
        single(one, Members(one.members()?), expected, judge)
    });
    let each: Vec<_> = each.collect::<Result<_, _>>()?;
    Ok(format!("[{}]", each.join(",")).into_bytes())
}

/// Borrowed: goes on as it is.
fn single<'a>(
    raw: Raw<'a>,
    members: Members<'a>,
    expected: &Expected,
    judge: &mut dyn Judge,
) -> Result<Cow<'a, str>, Withheld> {
    if let Some(result) = members.get("result") {
        let answered = members.answered(expected)?;
        return members.answer(raw, result, &answered, judge);
    }
    raw.check(&limits(raw.text().len()))?;
    // Another reader could find a result here (`Result`); an error that is no JSON-RPC has none.
    if members.has_alias("result") {
        return Err(Withheld::NotAMessage);
    }
    if let Some(error) = members.get("error") {
        if expected.success {
            members.is_answer(expected, "error")?;
        }
        return error_passes(error, judge).map(|()| raw.text().into());
    }
    if expected.success || members.get("method").is_some() {
        members.is_said_meanwhile(judge)?;
    }
    Ok(raw.text().into())
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }

    fn has_alias(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| is_alias(n, name))
    }

    fn only(&self, names: &[&str]) -> Result<(), Withheld> {
        let known = self.0.iter().all(|(name, _)| names.contains(&&**name));
        let version = self.get("jsonrpc").is_some_and(|v| v.text() == "\"2.0\"");
        if known && version { Ok(()) } else { Err(Withheld::NotAMessage) }
    }

    /// What our request with the id of this result asked for.
    fn answered(&self, expected: &Expected) -> Result<Answered, Withheld> {
        self.only(&["jsonrpc", "id", "result"])?;
        let id = self.get("id").ok_or(Withheld::OtherRequest)?;
        let id = rpc_id(&id.value(&limits(id.text().len()))?).ok_or(Withheld::OtherRequest)?;
        match expected.answers.to.iter().find(|(ours, _)| *ours == id) {
            Some((_, Some(list))) => Ok(Answered::List(*list)),
            Some((_, None)) => Ok(Answered::Plain),
            None if expected.answers.any => Ok(Answered::Unknown),
            None => Err(Withheld::OtherRequest),
        }
    }

    /// An answer to a request of ours; an error may have no id (MCP basic/index).
    fn is_answer(&self, expected: &Expected, kind: &str) -> Result<(), Withheld> {
        self.only(&["jsonrpc", "id", kind])?;
        let id = match self.get("id").map(|id| id.value(&limits(id.text().len()))).transpose()? {
            None | Some(Value::Null) => return Ok(()),
            Some(id) => rpc_id(&id).ok_or(Withheld::OtherRequest)?,
        };
        let ours = expected.answers.to.iter().any(|(ours, _)| *ours == id);
        if ours || expected.answers.any { Ok(()) } else { Err(Withheld::OtherRequest) }
    }

    /// A result, with its lists filtered and nothing asked in it that may not be.
    fn answer(
        &self,
        raw: Raw<'a>,
        result: Raw<'a>,
        answered: &Answered,
        judge: &mut dyn Judge,
    ) -> Result<Cow<'a, str>, Withheld> {
        if !result.text().starts_with('{') {
            return Err(match answered {
                Answered::List(_) => Withheld::NotAList,
                Answered::Plain | Answered::Unknown => Withheld::NotAMessage,
            });
        }
        let inner = Members(result.members()?);
        inner.asks_nothing_else(judge)?;
        let lists: Vec<_> = match answered {
            Answered::Plain => Vec::new(),
            Answered::List(list) => vec![*list],
            Answered::Unknown => inner.lists()?,
        };
        if lists.is_empty() {
            return Ok(raw.text().into());
        }
        let result = inner.listed(&lists, judge)?;
        Ok(self.with(&[("result", result)]).into())
    }

    /// Every list that the result of an earlier request may be. A name that some reader takes for one
    /// of them is none to us, so it goes on to nobody.
    fn lists(&self) -> Result<Vec<ListOf>, Withheld> {
        if ListOf::ALL.iter().any(|list| self.has_alias(list.member())) {
            return Err(Withheld::NotAMessage);
        }
        let there = |list: &ListOf| self.get(list.member()).is_some();
        Ok(ListOf::ALL.into_iter().filter(there).collect())
    }

    /// The result without what the caller could not use. It is this caller's alone from now on
    /// (MCP-30), which is said in every version: to the older ones it is a member they don't know.
    fn listed(&self, lists: &[ListOf], judge: &mut dyn Judge) -> Result<String, Withheld> {
        let mut new = Vec::new();
        for list in lists {
            let entries = self.get(list.member()).filter(|t| t.text().starts_with('['));
            new.push((list.member(), kept(*list, entries.ok_or(Withheld::NotAList)?, judge)?));
        }
        for (_, other) in self.0.iter().filter(|(n, _)| new.iter().all(|(list, _)| list != n)) {
            other.check(&limits(other.text().len()))?;
        }
        new.push(("cacheScope", "\"private\"".to_owned()));
        new.extend(self.get("ttlMs").and_then(shorter).map(|ttl| ("ttlMs", ttl.to_string())));
        Ok(self.with(&new))
    }

    /// Not an answer: what a server says or asks meanwhile.
    fn is_said_meanwhile(&self, judge: &mut dyn Judge) -> Result<(), Withheld> {
        self.only(&["jsonrpc", "id", "method", "params"])?;
        let method = self.get("method").ok_or(Withheld::NotAMessage)?;
        let method = method.value(&limits(method.text().len()))?;
        let method = method.as_str().ok_or(Withheld::NotAMessage)?;
        if method == "ping" {
            return Ok(());
        }
        if !method.starts_with("notifications/") {
            return may_ask(method, judge);
        }
        // What a task asks for is in the news about it too (SEP-2663).
        match self.get("params").filter(|params| params.text().starts_with('{')) {
            Some(params) => Members(params.members()?).asks_nothing_else(judge),
            None => Ok(()),
        }
    }

    /// 2026-07-28: what the server asks is inside its answer (`inputRequests`), or inside the task
    /// that the answer is.
    fn asks_nothing_else(&self, judge: &mut dyn Judge) -> Result<(), Withheld> {
        if self.has_alias("inputRequests") || self.has_alias("task") {
            return Err(Withheld::NotAMessage);
        }
        if let Some(asked) = self.get("inputRequests") {
            let asked = asked.value(&limits(asked.text().len()))?;
            let asked = asked.as_object().ok_or(Withheld::NotAMessage)?;
            for (_, request) in asked.iter() {
                let request = request.as_object().ok_or(Withheld::NotAMessage)?;
                let method = request.get("method").and_then(Value::as_str);
                may_ask(method.ok_or(Withheld::NotAMessage)?, judge)?;
            }
        }
        match self.get("task").filter(|task| task.text().starts_with('{')) {
            Some(task) => {
                let task = Members(task.members()?);
                let nested = task.get("inputRequests").is_some() || task.has_alias("inputRequests");
                // Nowhere defined, so nothing says who would answer it.
                if nested { Err(Withheld::ServerRequest) } else { Ok(()) }
            }
            None => Ok(()),
        }
    }

    /// The same with some members replaced, or added at the end.
    fn with(&self, new: &[(&str, String)]) -> String {
        let replaced =
            |name: &str| new.iter().find(|(n, _)| *n == name).map(|(_, text)| text.as_str());
        let kept = self.0.iter().map(|(n, v)| (&**n, replaced(n).unwrap_or(v.text())));
        let added =
            new.iter().filter(|(n, _)| self.get(n).is_none()).map(|(n, text)| (*n, text.as_str()));
        let members =
            kept.chain(added).map(|(n, text)| format!("{}:{text}", Value::from(n).to_text()));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// What a server asks is one of three things, and policy says which of them it may.
fn may_ask(method: &str, judge: &mut dyn Judge) -> Result<(), Withheld> {
    let known = ASKS.contains(&method);
    if known && judge.may_ask(method) { Ok(()) } else { Err(Withheld::ServerRequest) }
}

fn error_passes(error: Raw<'_>, judge: &mut dyn Judge) -> Result<(), Withheld> {
    // An error of another shape is not JSON-RPC, and asks nobody for anything.
    if !error.text().starts_with('{') {
        return Ok(());
    }
    let code = Members(error.members()?).get("code").map(Raw::text);
    match code {
        Some(URL_ELICITATION_REQUIRED) => may_ask("elicitation/create", judge),
        // `-32042.0` and the like are the same number to some.
        Some(code) if code.parse() == Ok(-32042.0) => Err(Withheld::Malformed),
        _ => Ok(()),
    }
}

/// The entries that stay.
fn kept(list: ListOf, entries: Raw<'_>, judge: &mut dyn Judge) -> Result<String, Withheld> {
    let entries = entries.elements()?;
    if entries.len() > MAX_ENTRIES {
        return Err(Withheld::TooMany);
    }
    let mut seen = BTreeSet::new();
    let stay = entries.into_iter().filter(|entry| stays(list, *entry, &mut seen, judge));
    Ok(format!("[{}]", stay.map(Raw::text).collect::<Vec<_>>().join(",")))
}

/// Of two entries of one name, a client may take either for the one that was judged: the second goes.
fn stays(list: ListOf, entry: Raw<'_>, seen: &mut BTreeSet<String>, judge: &mut dyn Judge) -> bool {
    let name = name(list, entry);
    name.is_some_and(|name| judge.shows(list, &name, entry.text()) && seen.insert(name))
}

/// The name of an entry whose whole definition can be read in one way only.
fn name(list: ListOf, entry: Raw<'_>) -> Option<String> {
    let outline = entry.outline(&limits(entry.text().len())).ok()?;
    outline.as_object()?.get(list.key())?.as_str().map(str::to_owned)
}

/// What a list says of an entry, besides `_meta`, which is nobody's definition. `None`: it holds a
/// number whose value readers don't agree on.
pub(crate) fn definition(entry: &str) -> Option<Object> {
    let limits = limits(entry.len());
    let Value::Object(mut definition) =
        Raw::parse(entry.as_bytes(), &limits).ok()?.value(&limits).ok()?
    else {
        return None;
    };
    definition.remove("_meta");
    Some(definition)
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
const MAX_ENTRIES: usize = 2_000;

fn limits(bytes: usize) -> Limits {
    Limits { bytes, depth: MAX_DEPTH, items: MAX_ITEMS }
}

impl From<Malformed> for Withheld {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
