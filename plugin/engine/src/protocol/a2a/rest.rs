//! The HTTP+JSON binding: paths and queries (specification §11.3, §11.5).
//!
//! Ids in a path are of unreserved characters (RFC 3986 §2.3), so nobody decodes them differently; so are the
//! values of the query that something is decided by.

use super::operations::{self, CONFIG, Operation, TASK, What};
use crate::decision::Reason;
use crate::json::{Object, Value};

/// An operation, and what the path says of it.
#[derive(Debug)]
pub(super) struct Called<'p> {
    pub(super) operation: &'static Operation,
    /// Where its task, and its configuration, stand.
    task: Option<&'p str>,
    config: Option<&'p str>,
}

/// Finds the operation. `path`: below the base.
pub(super) fn find<'p>(verb: &str, path: &'p str) -> Option<Called<'p>> {
    operations::all().find_map(|operation| {
        let rest = &operation.rest;
        let mut called = Called { operation, task: None, config: None };
        let segments: Vec<_> = path.split('/').collect();
        let fits = rest.path.len() == segments.len()
            && rest.path.iter().zip(segments).all(|(pattern, raw)| called.take(pattern, raw));
        (fits && rest.verbs.contains(&verb)).then_some(called)
    })
}

impl<'p> Called<'p> {
    fn take(&mut self, pattern: &str, raw: &'p str) -> bool {
        if pattern == CONFIG {
            self.config = Some(raw);
            return is_id(raw);
        }
        match pattern.strip_prefix(TASK) {
            Some(verb) => {
                self.task = raw.strip_suffix(verb);
                self.task.is_some_and(is_id)
            }
            None => pattern == raw,
        }
    }

    /// Adds what the path says to the parameters. The body may say it again, and nothing else.
    pub(super) fn complete(&self, params: &mut Object) -> Result<(), Reason> {
        let task = match self.operation.what {
            What::Task => "id",
            _ => "taskId",
        };
        for (name, said) in [(task, self.task), ("id", self.config)] {
            let Some(said) = said else { continue };
            match params.get(name).map(Value::as_str) {
                None => params.set(name, said.into()),
                Some(Some(again)) if again == said => {}
                Some(_) => return Err(Reason::ParametersInvalid),
            }
        }
        Ok(())
    }

    /// The path with another id of the task.
    pub(super) fn path(&self, base: &str, task: &str) -> String {
        let mut path = base.to_owned();
        for pattern in self.operation.rest.path {
            let parts = match pattern.strip_prefix(TASK) {
                Some(verb) => [task, verb],
                None if *pattern == CONFIG => [self.config.unwrap_or_default(), ""],
                None => [pattern, ""],
            };
            path.push('/');
            parts.iter().for_each(|part| path.push_str(part));
        }
        path
    }
}

/// The parameters of a query, each once. `None`: readers would differ about them.
pub(super) fn query(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=')?;
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let named = !name.is_empty() && name.bytes().all(letter);
        let plain = |b: u8| is_plain(b) || matches!(b, b'%' | b':' | b',' | b'/' | b'+' | b'=');
        let twice = all.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !named || !value.bytes().all(plain) || twice || all.len() >= MAX_QUERY {
            return None;
        }
        all.push((name, value));
    }
    Some(all)
}

/// A value that something is decided by.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_plain) && !matches!(text, "." | "..")
}

/// RFC 3986 §2.3.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// There are eight parameters at most, and the version.
const MAX_QUERY: usize = 16;
