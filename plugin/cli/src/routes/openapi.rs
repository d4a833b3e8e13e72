//! The operations of an OpenAPI document: 3.0, 3.1 and 3.2.
//!
//! Only what makes a route is read: `servers`, `paths`, methods, `operationId`. Not here: what routes have to
//! be (the engine's), schemas and parameters (an HTTP route is decided at its head; what is in its path is all
//! its input), `webhooks` and `callbacks` (requests of the API, not to it).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What is wrong, and where in the document (RFC 6901).
pub(super) struct Wrong {
    pub(super) pointer: String,
    pub(super) message: String,
}

/// One operation.
pub(super) struct Operation {
    pub(super) pointer: String,
    method: String,
    path: String,
    id: String,
}

/// All of them, and everything that is wrong.
#[derive(Default)]
pub(super) struct Found {
    pub(super) operations: Vec<Operation>,
    pub(super) problems: Vec<Wrong>,
}

impl Wrong {
    pub(super) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

impl Operation {
    /// As the configuration has it, members in one order whatever else is linked.
    pub(super) fn route(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let (method, path, action) = (text(&self.method), text(&self.path), text(&self.id));
        format!(r#"{{ "method": {method}, "path": {path}, "action": {action} }}"#)
    }
}

/// Reads the document; operations in the order of their paths. `base_path`: instead of what `servers` says.
pub(super) fn read(document: &Value, base_path: Option<&str>) -> Found {
    let mut found = Found::default();
    if !document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")) {
        let pointer = if document.get("swagger").is_some() { "/swagger" } else { "/openapi" };
        found.wrong(pointer, "must be OpenAPI 3.x; convert an older document first");
        return found;
    }
    let base = match base_path {
        Some(path) => Some(path.trim_end_matches('/').to_owned()),
        None => found.base(document.get("servers")),
    };
    match document.get("paths").map(Value::as_object) {
        Some(Some(paths)) => {
            for (path, item) in paths.iter().filter(|(path, _)| !is_extension(path)) {
                let pointer = format!("/paths/{}", escaped(path));
                let path = format!("{}{path}", base.as_deref().unwrap_or_default());
                found.item(document, (&path, item), &pointer, base_path.is_some());
            }
        }
        _ => found.wrong("/paths", "must be an object with the paths of the API"),
    }
    found.operations.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    found.twice();
    found
}

impl Found {
    fn wrong(&mut self, pointer: &str, message: &str) {
        self.problems.push(Wrong::new(pointer, message));
    }

    /// What all servers have before the paths.
    fn base(&mut self, servers: Option<&Value>) -> Option<String> {
        let Some(servers) = servers else { return Some(String::new()) };
        let mut base: Option<String> = None;
        for (i, server) in servers.as_array().into_iter().flatten().enumerate() {
            let pointer = format!("/servers/{i}/url");
            match server["url"].as_str().and_then(path_of) {
                None => self.wrong(&pointer, &format!("has variables, or is no path; {BASE}")),
                Some(path) if base.as_ref().is_some_and(|base| *base != path) => {
                    self.wrong(
                        &pointer,
                        &format!("has another path than the server before; {BASE}"),
                    );
                }
                Some(path) => base = Some(path),
            }
        }
        base.or(Some(String::new()))
    }

    /// Every operation of one path.
    fn item(&mut self, document: &Value, (path, item): (&str, &Value), pointer: &str, based: bool) {
        let (item, pointer) = match item.get("$ref") {
            None => (item, pointer.to_owned()),
            Some(reference) => match resolved(document, reference) {
                Some((target, at)) => (target, at),
                None => {
                    let pointer = format!("{pointer}/$ref");
                    return self.wrong(&pointer, "must lead to a path item in this document");
                }
            },
        };
        let Some(members) = item.as_object() else {
            return self.wrong(&pointer, "must be a path item");
        };
        for (name, value) in members {
            let at = format!("{pointer}/{}", escaped(name));
            match name.as_str() {
                "servers" if based => {}
                "servers" => self.wrong(&at, &format!("differs by path; {BASE}")),
                "additionalOperations" => self.additional(path, value, &at, based),
                name if METHODS.contains(&name) => {
                    self.operation(path, &name.to_ascii_uppercase(), value, (at, based));
                }
                name if PLAIN.contains(&name) || is_extension(name) => {}
                _ => self.wrong(&at, "is no operation, and nothing else that a path can have"),
            }
        }
    }

    /// Methods that OpenAPI has no name for (3.2), as they are sent.
    fn additional(&mut self, path: &str, operations: &Value, pointer: &str, based: bool) {
        for (method, value) in operations.as_object().unwrap_or(&Map::new()) {
            let at = format!("{pointer}/{}", escaped(method));
            self.operation(path, method, value, (at, based));
        }
    }

    fn operation(
        &mut self,
        path: &str,
        method: &str,
        value: &Value,
        (pointer, based): (String, bool),
    ) {
        if value.get("servers").is_some() && !based {
            self.wrong(&format!("{pointer}/servers"), &format!("differs by operation; {BASE}"));
        }
        match value["operationId"].as_str().filter(|id| !id.is_empty()) {
            None => self.wrong(&pointer, "has no operationId, so its action has no name"),
            Some(id) => self.operations.push(Operation {
                pointer,
                method: method.to_owned(),
                path: path.to_owned(),
                id: id.to_owned(),
            }),
        }
    }

    /// An action that two operations have could not be permitted one by one.
    fn twice(&mut self) {
        let mut first: BTreeMap<&str, &str> = BTreeMap::new();
        let mut problems = Vec::new();
        for operation in &self.operations {
            match first.get(operation.id.as_str()) {
                Some(other) => problems.push(Wrong::new(
                    format!("{}/operationId", operation.pointer),
                    format!("is that of {other} as well"),
                )),
                None => {
                    first.insert(&operation.id, &operation.pointer);
                }
            }
        }
        self.problems.extend(problems);
    }
}

/// What a reference within the document leads to, if that is not another reference; and where it is.
fn resolved<'d>(document: &'d Value, reference: &Value) -> Option<(&'d Value, String)> {
    let pointer = reference.as_str()?.strip_prefix('#')?;
    let target = document.pointer(pointer)?;
    target.get("$ref").is_none().then(|| (target, pointer.to_owned()))
}

/// The path of a URL, absolute or relative, without a slash at its end; none if it has variables.
fn path_of(url: &str) -> Option<String> {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => url,
    };
    let path = rest.trim_end_matches('/');
    let whole = path.is_empty() || path.starts_with('/');
    (whole && !path.contains(['{', '?', '#'])).then(|| path.to_owned())
}

/// RFC 6901 §3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn is_extension(name: &str) -> bool {
    name.starts_with("x-")
}

const METHODS: [&str; 9] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// What else a path item may have.
const PLAIN: [&str; 3] = ["summary", "description", "parameters"];
const BASE: &str = "say what the gateway sees with --base-path";
