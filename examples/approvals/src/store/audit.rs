//! The audit: one line of JSON for everything that happened, never changed, each with the hash of the one
//! before it.
//!
//! Triggers refuse a change; the hashes show one that was made behind SQLite's back. No line holds an
//! argument: the digest says which action it was.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value};

use super::{Store, Trouble};
use crate::{jose, time};

/// Lines of one answer.
const MAX_LINES: u32 = 1_000;

/// Something that happened.
pub(crate) struct Event<'a> {
    pub(crate) name: &'static str,
    pub(crate) agent: Option<&'a str>,
    /// Everything else, in the order in which it is read.
    pub(crate) about: Vec<(&'static str, Value)>,
}

impl Store {
    /// Writes down what changes nothing else.
    pub(crate) fn note(&self, event: &Event<'_>, now: i64) -> Result<(), Trouble> {
        self.change(now, |db| append(db, event, now))
    }

    /// Lines after `seq`, oldest first.
    pub(crate) fn audit(&self, after: i64, limit: u32) -> Result<Vec<String>, Trouble> {
        self.read(|db| {
            let mut select =
                db.prepare("SELECT line FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
            let lines = select.query_map(params![after, limit.min(MAX_LINES)], |row| row.get(0))?;
            Ok(lines.collect::<Result<_, _>>()?)
        })
    }
}

pub(super) fn append(db: &Connection, event: &Event<'_>, now: i64) -> Result<(), Trouble> {
    let last: Option<(i64, String)> = db
        .query_row("SELECT seq, line FROM audit ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let seq = last.as_ref().map_or(1, |(seq, _)| seq.saturating_add(1));
    let mut line = Map::new();
    line.insert("v".into(), 1.into());
    line.insert("seq".into(), seq.into());
    line.insert("time".into(), time::rfc3339(now).into());
    line.insert("event".into(), event.name.into());
    if let Some(agent) = event.agent {
        line.insert("agent".into(), agent.into());
    }
    line.extend(event.about.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let previous = last.map(|(_, line)| Value::from(jose::hash(&line)));
    line.insert("prev".into(), previous.unwrap_or(Value::Null));
    db.execute(
        "INSERT INTO audit (seq, at, event, agent, line) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![seq, now, event.name, event.agent, Value::Object(line).to_string()],
    )?;
    Ok(())
}

/// The same, but once an hour for one agent: a flood of requests makes no flood of lines.
pub(super) fn append_hourly(db: &Connection, event: &Event<'_>, now: i64) -> Result<(), Trouble> {
    let recent: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM audit WHERE event = ?1 AND agent IS ?2 AND at > ?3)",
        params![event.name, event.agent, now.saturating_sub(3600)],
        |row| row.get(0),
    )?;
    if recent { Ok(()) } else { append(db, event, now) }
}
