//! Teams that policies name, held against those there are: a misspelt one fits nobody, and a `forbid` on
//! it forbids nothing.

use std::collections::BTreeSet;

/// The teams there are.
#[derive(Debug, Default)]
pub(crate) struct Teams {
    /// Whether these are all there can be (`teams` is there), or only those that anybody is in.
    pub(crate) listed: bool,
    pub(crate) names: BTreeSet<String>,
}

impl Teams {
    /// What is wrong with naming this one, if anything.
    pub(super) fn unknown(&self, name: &str) -> Option<String> {
        if self.names.contains(name) {
            return None;
        }
        let name = name.escape_debug();
        Some(match self.listed {
            true => {
                format!("Team::\"{name}\" is not in `teams`; list it there, or correct the name")
            }
            false => format!(
                "nobody is in Team::\"{name}\", so this fits nobody, and a `forbid` forbids nothing; \
                 correct the name, or list the teams there are in `teams`"
            ),
        })
    }
}

/// The teams a policy names, in Cedar's own JSON form of it, each once.
pub(super) fn named(policy: &serde_json::Value) -> BTreeSet<&str> {
    let (mut found, mut todo) = (BTreeSet::new(), vec![policy]);
    while let Some(value) = todo.pop() {
        match value {
            serde_json::Value::Object(members) => {
                let text = |name| members.get(name).and_then(serde_json::Value::as_str);
                if let (Some("Team"), Some(id)) = (text("type"), text("id")) {
                    found.insert(id);
                }
                todo.extend(members.values());
            }
            serde_json::Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    found
}
