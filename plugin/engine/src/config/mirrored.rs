//! `x-mcp-header` in a tool's JSON Schema: the arguments that clients repeat in headers.
//!
//! Not here: types ([`super::input_schema`] has told about them), and the headers of a request.

use super::fields::{Node, Problems};
use crate::json::Value;
use crate::protocol::Mirrored;

/// All of a schema, each with the path to its argument.
pub(super) fn read(schema: &Node<'_>, problems: &mut Problems) -> Vec<Mirrored> {
    let mut found = Vec::new();
    walk(schema, Some(&[]), &mut found, problems);
    found
}

/// `path`: none below an array, where no path leads to one argument.
fn walk(
    schema: &Node<'_>,
    path: Option<&[&str]>,
    found: &mut Vec<Mirrored>,
    problems: &mut Problems,
) {
    // What is no schema has been told about.
    let Some(object) = schema.value().as_object() else { return };
    for (name, node) in schema.entries(problems).unwrap_or_default() {
        match name {
            KEYWORD => {
                let kind = object.get("type").and_then(Value::as_str);
                one(&node, path, kind, found, problems);
            }
            "items" => walk(&node, None, found, problems),
            "properties" => {
                for (name, property) in node.entries(problems).unwrap_or_default() {
                    let inner = path.map(|path| [path, &[name]].concat());
                    walk(&property, inner.as_deref(), found, problems);
                }
            }
            _ => {}
        }
    }
}

fn one(
    node: &Node<'_>,
    path: Option<&[&str]>,
    kind: Option<&str>,
    found: &mut Vec<Mirrored>,
    problems: &mut Problems,
) {
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        problems.add(node.path(), "is not on a property that `properties` alone lead to");
        return;
    };
    if !matches!(kind, Some("string" | "integer" | "boolean")) {
        problems.add(node.path(), "is for a string, an integer or a boolean only");
        return;
    }
    let path = path.iter().map(|name| (*name).to_owned()).collect();
    let Some(name) = node.text(problems) else { return };
    let Some(mirrored) = problems.keep(node.path(), Mirrored::new(name, path)) else { return };
    if found.iter().any(|other| other.header() == mirrored.header()) {
        problems.add(node.path(), "is the header of another property as well, letter case aside");
    }
    found.push(mirrored);
}

/// MCP 2026-07-28, server/tools.
pub(super) const KEYWORD: &str = "x-mcp-header";
