//! The section `tools` of a bundle: by server, what each tool is. Written one tool a line, in one order, so that
//! the same tools make the same bytes and a change is one line of a diff.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use deputy_engine::{ListedTool, check_bundle};
use serde_json::{Map, Value};

use crate::files;

/// The tools of each server, in the order of the file.
pub(super) struct Catalogue(BTreeMap<String, Vec<Map<String, Value>>>);

impl Catalogue {
    /// Reads it; one that is not there is empty.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            return Ok(Self(BTreeMap::new()));
        }
        let wrong = || format!("{} is no catalogue: tools by server", path.display());
        let servers: BTreeMap<String, Vec<Map<String, Value>>> =
            serde_json::from_value(files::json(path)?).with_context(wrong)?;
        Ok(Self(servers))
    }

    /// Pins a tool to what its server shows now; why its schema can't be the type of its input, if it can't.
    pub(super) fn pin(
        &mut self,
        server: &str,
        listed: &ListedTool,
    ) -> anyhow::Result<Option<String>> {
        let definition: Value = serde_json::from_str(&listed.text)?;
        let schema = definition.get("inputSchema");
        let problem = schema.and_then(|schema| problem_of(server, &listed.name, schema));
        let tools = self.0.entry(server.to_owned()).or_default();
        let known = tools.iter().position(|tool| is(tool, &listed.name));
        let mut tool = known.and_then(|at| tools.get(at)).cloned().unwrap_or_default();
        tool.insert("name".to_owned(), listed.name.as_str().into());
        tool.insert("digest".to_owned(), listed.digest.as_deref().into());
        tool.remove("input_schema");
        // What somebody has written down of its input is theirs.
        let schema = schema.filter(|_| problem.is_none() && !tool.contains_key("input"));
        if let Some(schema) = schema {
            tool.insert("input_schema".to_owned(), schema.clone());
        }
        let problem = problem.filter(|_| !tool.contains_key("input"));
        match known.and_then(|at| tools.get_mut(at)) {
            Some(old) => *old = tool,
            None => tools.push(tool),
        }
        Ok(problem)
    }

    /// The digest that a tool is pinned to, if it is; none if there is no such tool.
    pub(super) fn pin_of(&self, server: &str, name: &str) -> Option<Option<&str>> {
        let tool = self.0.get(server)?.iter().find(|tool| is(tool, name))?;
        Some(tool.get("digest").and_then(Value::as_str))
    }

    /// The tools that are not listed.
    pub(super) fn others<'c>(
        &'c self,
        server: &str,
        listed: &'c [ListedTool],
    ) -> impl Iterator<Item = &'c str> {
        let tools = self.0.get(server).into_iter().flatten();
        let names = tools.filter_map(|tool| tool.get("name")?.as_str());
        names.filter(|name| !listed.iter().any(|tool| tool.name == *name))
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let server = |(name, tools): (&String, &Vec<_>)| {
            let tools: Vec<_> = tools.iter().map(line).collect();
            format!("  {}: [\n    {}\n  ]", Value::from(name.as_str()), tools.join(",\n    "))
        };
        let servers: Vec<_> = self.0.iter().map(server).collect();
        files::write(path, &format!("{{\n{}\n}}\n", servers.join(",\n")))
    }
}

fn is(tool: &Map<String, Value>, name: &str) -> bool {
    tool.get("name").and_then(Value::as_str) == Some(name)
}

/// What the engine says of a schema, if it takes it for no type.
fn problem_of(server: &str, name: &str, schema: &Value) -> Option<String> {
    let tool = serde_json::json!({"name": name, "input_schema": schema});
    let contents = serde_json::json!({"policies": [], "tools": {server: [tool]}});
    let problems = check_bundle(contents.to_string().as_bytes()).err()?;
    let problem = problems.iter().next()?;
    let at = problem.path.split_once("input_schema").map_or("", |(_, rest)| rest);
    Some(format!("inputSchema{at}: {}", problem.message))
}

/// One tool: what somebody decides first, what the server says last.
fn line(tool: &Map<String, Value>) -> String {
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut members: Vec<_> = tool.iter().collect();
    members.sort_by_key(|(name, _)| (rank(name), (*name).clone()));
    let member = |(name, value): (&String, &Value)| {
        format!("{}: {}", Value::from(name.as_str()), text(value))
    };
    let members: Vec<_> = members.into_iter().map(member).collect();
    format!("{{ {} }}", members.join(", "))
}

/// Compact JSON with its members in the order of their names, whatever else is linked.
fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), text(value))
            };
            let members: Vec<_> = sorted.into_iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

const ORDER: [&str; 7] = ["name", "input", "groups", "risk", "data", "digest", "input_schema"];
