//! Reads typed values out of JSON and collects every problem with its path, instead of stopping at
//! the first as a derived reader would.

use crate::json::{Object, Value};
use crate::policy::Problem;

/// One place in the document.
#[derive(Clone)]
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// The members of one object. Whatever is not taken by [`Members::close`] is a problem.
pub(super) struct Members<'a> {
    object: &'a Object,
    path: String,
    taken: Vec<&'static str>,
}

/// What went wrong so far.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem::at(path.into(), message));
    }

    /// The value, or a problem and nothing.
    pub(super) fn keep<T, E: ToString>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.add(path, e.to_string())).ok()
    }
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// A document within the document.
    pub(super) fn named(value: &'a Value, name: &str) -> Self {
        Self { value, path: name.to_owned() }
    }

    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() { "configuration" } else { &self.path }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn members(&self, problems: &mut Problems) -> Option<Members<'a>> {
        match self.value.as_object() {
            Some(object) => Some(Members { object, path: self.path.clone(), taken: Vec::new() }),
            None => self.wrong(problems, "must be an object"),
        }
    }

    pub(super) fn items(&self, problems: &mut Problems) -> Option<Vec<Node<'a>>> {
        match self.value.as_array() {
            Some(items) => {
                let node = |(i, value)| Node { value, path: format!("{}[{i}]", self.path) };
                Some(items.iter().enumerate().map(node).collect())
            }
            None => self.wrong(problems, "must be an array"),
        }
    }

    /// The members of an object whose names are the operator's own.
    pub(super) fn entries(&self, problems: &mut Problems) -> Option<Vec<(&'a str, Node<'a>)>> {
        match self.value.as_object() {
            Some(object) => {
                let node = |value, name: &str| Node {
                    value,
                    path: format!("{}.{}", self.path, name.escape_debug()),
                };
                Some(object.iter().map(|(name, value)| (name, node(value, name))).collect())
            }
            None => self.wrong(problems, "must be an object"),
        }
    }

    pub(super) fn text(&self, problems: &mut Problems) -> Option<&'a str> {
        match self.value.as_str() {
            Some("") => self.wrong(problems, "must not be empty"),
            Some(text) => Some(text),
            None => self.wrong(problems, "must be a string"),
        }
    }

    pub(super) fn flag(&self, problems: &mut Problems) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong(problems, "must be true or false"))
    }

    pub(super) fn number(&self, from: u64, to: u64, problems: &mut Problems) -> Option<u64> {
        let number = self.value.as_integer().and_then(|n| u64::try_from(n).ok());
        match number.filter(|n| (from..=to).contains(n)) {
            Some(n) => Some(n),
            None if from == to => self.wrong(problems, &format!("must be the number {from}")),
            None => self.wrong(problems, &format!("must be a whole number from {from} to {to}")),
        }
    }

    pub(super) fn wrong<T>(&self, problems: &mut Problems, message: &str) -> Option<T> {
        problems.add(self.path(), message);
        None
    }
}

impl<'a> Members<'a> {
    /// A member that may be absent.
    pub(super) fn maybe(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.taken.push(name);
        self.object.get(name).map(|value| Node { value, path: self.at(name) })
    }

    /// A member that must be there.
    pub(super) fn need(&mut self, name: &'static str, problems: &mut Problems) -> Option<Node<'a>> {
        let node = self.maybe(name);
        if node.is_none() {
            problems.add(self.at(name), "is missing");
        }
        node
    }

    pub(super) fn need_text(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<&'a str> {
        self.need(name, problems)?.text(problems)
    }

    pub(super) fn maybe_text(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<&'a str> {
        self.maybe(name)?.text(problems)
    }

    pub(super) fn flag(
        &mut self,
        name: &'static str,
        default: bool,
        problems: &mut Problems,
    ) -> bool {
        self.maybe(name).and_then(|n| n.flag(problems)).unwrap_or(default)
    }

    pub(super) fn number(
        &mut self,
        name: &'static str,
        (from, default, to): (u64, u64, u64),
        problems: &mut Problems,
    ) -> u64 {
        self.maybe(name).and_then(|n| n.number(from, to, problems)).unwrap_or(default)
    }

    /// The elements of an array that may be absent.
    pub(super) fn items(&mut self, name: &'static str, problems: &mut Problems) -> Vec<Node<'a>> {
        self.maybe(name).and_then(|n| n.items(problems)).unwrap_or_default()
    }

    /// An array of texts that may be absent.
    pub(super) fn texts(&mut self, name: &'static str, problems: &mut Problems) -> Vec<String> {
        let items = self.items(name, problems);
        items.iter().filter_map(|n| n.text(problems)).map(str::to_owned).collect()
    }

    /// Refuses every member that nobody asked for: a misspelt limit is no limit.
    pub(super) fn close(self, problems: &mut Problems) {
        for (name, _) in self.object.iter() {
            if !self.taken.contains(&name) {
                let known = self.taken.join(", ");
                let near = super::nearest(name, self.taken.iter().copied());
                let hint = near.map(|near| format!("did you mean `{near}`? "));
                let name = name.escape_debug().to_string();
                let hint = hint.unwrap_or_default();
                problems.add(self.at(&name), format!("is not known here ({hint}known: {known})"));
            }
        }
    }

    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
