//! What is known not to hold yet. An exception that is not needed any more is a failure too.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::cases;

/// `host-tests/cases/exceptions.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Reasons that no case can produce, and why.
    pub reasons: BTreeMap<String, String>,
    /// By host name: cases that fail there, and why.
    pub cases: BTreeMap<String, BTreeMap<String, String>>,
}

impl Exceptions {
    /// Reads the file.
    ///
    /// # Panics
    /// When it is not readable.
    pub fn read() -> Self {
        let file = cases::folder().join("exceptions.json");
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    /// Why the case may fail on that host.
    pub fn of(&self, host: &str, case: &str) -> Option<&str> {
        self.cases.get(host)?.get(case).map(String::as_str)
    }
}
