//! The direction of dependencies between the engine's modules, as a test. The same table, in
//! words, is in ARCHITECTURE.md.
#![allow(clippy::unwrap_used, reason = "clippy excuses #[test] functions, not their helpers")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each module may use. The order is the life of a request; nothing looks back.
const MAY_USE: &[(&str, &[&str])] = &[
    ("json", &[]),
    ("model", &["json"]),
    ("evidence", &["model", "json"]),
    ("decision", &["model", "json"]),
    ("fetch", &["model"]),
    ("trust", &["fetch", "model", "json"]),
    ("behavior", &["model"]),
    ("recall", &["behavior", "model"]),
    ("credential", &["decision", "evidence", "fetch", "model", "recall", "trust", "json"]),
    ("protocol", &["decision", "evidence", "model", "json"]),
    ("bundle", &["fetch", "json", "model", "trust"]),
    ("registry", &["decision", "model"]),
    ("events", &["bundle", "credential", "fetch", "json", "model", "recall", "trust"]),
    ("resource", &["decision", "json"]),
    (
        "approval",
        &["credential", "decision", "fetch", "json", "model", "recall", "registry", "trust"],
    ),
    ("policy", &["behavior", "decision", "model", "json"]),
    ("audit", &["behavior", "decision", "model", "json"]),
    (
        "config",
        &[
            "approval",
            "behavior",
            "bundle",
            "credential",
            "events",
            "fetch",
            "json",
            "model",
            "policy",
            "protocol",
            "registry",
            "resource",
            "trust",
        ],
    ),
    ("renewal", &["bundle", "config", "decision", "fetch", "model", "recall", "registry"]),
    ("directory", &["config", "fetch", "json", "model", "policy", "registry", "trust"]),
    (
        "authority",
        &["behavior", "credential", "decision", "directory", "model", "policy", "registry"],
    ),
    ("response", &["audit", "authority", "decision", "json", "model", "policy", "protocol"]),
    ("step", &["approval", "audit", "decision", "engine", "fetch", "model", "recall", "response"]),
    (
        "engine",
        &[
            "approval",
            "audit",
            "authority",
            "behavior",
            "config",
            "credential",
            "decision",
            "directory",
            "events",
            "evidence",
            "json",
            "model",
            "policy",
            "protocol",
            "recall",
            "registry",
            "renewal",
            "response",
            "step",
            "trust",
        ],
    ),
    ("listed", &["audit", "json", "protocol"]),
    ("lib", &[]),
];

#[test]
fn modules_only_use_what_they_may() {
    let rules: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        let Some(allowed) = rules.get(module.as_str()) else {
            wrong.push(format!("{module}: not in MAY_USE"));
            continue;
        };
        for line in code_lines(&text) {
            if line.contains("crate::{") {
                wrong.push(format!("{}: name each module: `use crate::…`", path.display()));
            }
            for part in line.split("crate::").skip(1) {
                let used: String =
                    part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !used.is_empty() && used != module && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{}: {module} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_says_what_is_in_it() {
    for (_, path, text) in sources() {
        assert!(text.starts_with("//!"), "{}: begin with a //! line", path.display());
    }
}

#[test]
fn the_engine_knows_no_host() {
    for (_, path, text) in sources() {
        for line in code_lines(&text) {
            for word in [
                "cfg(target",
                "cfg(not(target",
                "wasm_bindgen",
                "proxy_wasm",
                "std::fs",
                "std::net",
            ] {
                assert!(!line.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

/// Lines of shipped code: no comments, nothing after the tests begin.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    shipped.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Module, path and text of every source file but those that hold only tests.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut todo = vec![src.clone()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                todo.push(path);
            } else if name != "tests" && !name.ends_with("_tests") {
                let relative = path.strip_prefix(&src).unwrap();
                let first = relative.iter().next().unwrap().to_str().unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((module, path, text));
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}
