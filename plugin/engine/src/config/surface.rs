//! The `mcp` and `http` sections, and where `a2a` joins them: what is served, and the actions that makes.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fields::{Members, Node, Problems};
use super::law::Law;
use super::parts::Sizes;
use super::{TokenUse, a2a, input_schema, mirrored};
use crate::model::ActionName;
use crate::model::sorted;
use crate::policy::{Definition, Offered, OfferedKind, Rated, RouteAction, ToolAction};
use crate::protocol::{
    A2aParts, Catalogue, McpParts, Mirrored, Over, Resources, RouteParts, Surface, Template,
    ToolEntry, Version, grpc_path,
};

/// What is served, and by server what becomes of tokens.
pub(super) type Served = (Surface, BTreeMap<String, TokenUse>);

pub(super) fn read(
    members: &mut Members<'_>,
    law: &Law<'_>,
    (sizes, origins): (&Sizes, &[String]),
    definition: &mut Definition,
    problems: &mut Problems,
) -> Option<Served> {
    let mut tokens = BTreeMap::new();
    let mut servers = Vec::new();
    let nodes = members.items("mcp", problems);
    let routes = &law.routes;
    let awaited = law.catalogue.is_some() && law.term.is_none();
    let agents = members.items("a2a", problems);
    if nodes.is_empty() && agents.is_empty() && routes.is_empty() && !awaited {
        problems.add("mcp, a2a, http", "at least one must be there: nothing would be served");
    }
    for node in nodes {
        let Some((parts, token)) = server(&node, law, definition, problems) else { continue };
        tokens.insert(parts.server.clone(), token);
        definition.servers.push(parts.server.clone());
        let allowed_origins = origins.to_vec();
        servers.push(McpParts { allowed_origins, response_limit: sizes.response, ..parts });
    }
    let routes = routes.iter().filter_map(|n| route(n, definition, problems)).collect();
    let mut spoken_to = Vec::new();
    for node in agents {
        let Some((parts, token)) = a2a::agent(&node, law, definition, problems) else { continue };
        tokens.insert(parts.server.clone(), token);
        definition.remote_agents.push(parts.server.clone());
        let allowed_origins = origins.to_vec();
        spoken_to.push(A2aParts { allowed_origins, response_limit: sizes.response, ..parts });
    }
    match Surface::new(servers, spoken_to, routes) {
        Ok(surface) => Some((surface, tokens)),
        Err(wrong) => {
            for problem in wrong {
                problems.add(problem.path, problem.message);
            }
            None
        }
    }
}

fn server(
    node: &Node<'_>,
    law: &Law<'_>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Option<(McpParts, TokenUse)> {
    let mut members = node.members(problems)?;
    let server = members.need_text("server", problems);
    let path = members.need_text("path", problems);
    let versions = members.maybe("versions");
    let versions = versions.map(|n| self::versions(&n, &Version::ALL, Version::as_str, problems));
    let resource = members.maybe_text("resource", problems).map(str::to_owned);
    let forward = members.flag("forward_token", false, problems);
    if forward && resource.is_none() {
        problems
            .add(members.at("forward_token"), "needs resource: whose token would be passed on?");
    }
    let scopes = super::parts::scopes(&mut members, problems);
    if !scopes.is_empty() && resource.is_none() {
        problems.add(members.at("scopes_supported"), "needs resource: whose scopes would they be?");
    }
    if law.catalogue.is_some() && members.maybe("tools").is_some() {
        problems.add(members.at("tools"), "comes from the bundle; it can't be in both");
    }
    let tools = members.items("tools", problems);
    let offered = [members.items("resources", problems), members.items("prompts", problems)];
    members.close(problems);
    let (server, path) = (server?.to_owned(), path?.to_owned());
    let tools = match &law.catalogue {
        Some(catalogue) => catalogue.get(&server).cloned().unwrap_or_default(),
        None => catalogue((&server, false), &tools, definition, problems),
    };
    let [resource_nodes, prompt_nodes] = offered;
    let catalogue = Catalogue {
        tools,
        resources: resources(&server, &resource_nodes, definition, problems),
        prompts: prompts(&server, &prompt_nodes, definition, problems),
        ..Catalogue::default()
    };
    let versions = versions.unwrap_or_else(|| Some(Version::DEFAULT.to_vec()))?;
    let at = node.path().to_owned();
    let parts = McpParts { at, server, path, versions, catalogue, ..McpParts::default() };
    let path = parts.path.clone();
    Some((parts, TokenUse { resource, forward, path, scopes }))
}

/// The versions of a protocol that are served, of those there are.
pub(super) fn versions<V: Copy>(
    node: &Node<'_>,
    all: &[V],
    name: fn(V) -> &'static str,
    problems: &mut Problems,
) -> Option<Vec<V>> {
    let mut versions = Vec::new();
    for item in node.items(problems)? {
        let text = item.text(problems)?;
        match all.iter().find(|version| name(**version) == text) {
            Some(version) => versions.push(*version),
            None => {
                let known = all.iter().map(|version| name(*version)).collect::<Vec<_>>().join(", ");
                return item.wrong(problems, &format!("is not one of {known}"));
            }
        }
    }
    Some(versions)
}

/// The tools of one server, or the skills of one agent.
pub(super) fn catalogue(
    (server, skills): (&str, bool),
    nodes: &[Node<'_>],
    definition: &mut Definition,
    problems: &mut Problems,
) -> BTreeMap<String, ToolEntry> {
    let mut tools = BTreeMap::new();
    for node in nodes {
        let Some(mut members) = node.members(problems) else { continue };
        let key = if skills { "id" } else { "name" };
        let name = members.need_text(key, problems);
        let (input, mirrored) = input(&mut members, problems);
        let groups = members.texts("groups", problems);
        let rated = rated(&mut members, problems);
        let pin = if skills { None } else { pin(&mut members, problems) };
        let spend =
            if skills { None } else { members.maybe_text("spend", problems).map(str::to_owned) };
        members.close(problems);
        let Some(name) = name else { continue };
        let typed_input = input.is_some();
        let entry = ToolEntry { typed_input, mirrored, pin, ..ToolEntry::default() };
        if tools.insert(name.to_owned(), entry).is_some() {
            problems.add(format!("{}.{key}", node.path()), "is that of another one as well");
            continue;
        }
        definition.tools.push(ToolAction {
            skill: skills,
            path: node.path().to_owned(),
            server: server.to_owned(),
            name: name.to_owned(),
            input,
            groups,
            rated,
            spend,
        });
    }
    tools
}

/// The type of a tool's arguments, in Cedar or as the JSON Schema that its server lists; and which of them
/// headers repeat. Only a schema says that: of a type in Cedar none does, so no such header may come.
fn input(
    members: &mut Members<'_>,
    problems: &mut Problems,
) -> (Option<String>, Option<Vec<Mirrored>>) {
    let text = members.maybe("input");
    let schema = members.maybe("input_schema");
    let none = text.as_ref().map(|_| Vec::new());
    let mirrored = schema.as_ref().map(|schema| mirrored::read(schema, problems)).or(none);
    let input = match (text, schema) {
        (Some(_), Some(schema)) => schema.wrong(problems, "can't be beside input"),
        (Some(text), None) => text.text(problems).map(str::to_owned),
        (None, Some(schema)) => input_schema::record_type(&schema, problems),
        (None, None) => None,
    };
    (input, mirrored)
}

/// How risky it is, and what kinds of data are in it: the operator's word, never the server's.
fn rated(members: &mut Members<'_>, problems: &mut Problems) -> Rated {
    let risk = members.maybe_text("risk", problems).map(str::to_owned);
    Rated { risk, data: members.texts("data", problems) }
}

/// A digest as receipts and logs write it.
fn pin(members: &mut Members<'_>, problems: &mut Problems) -> Option<String> {
    let text = members.maybe_text("digest", problems)?;
    let bytes = text.strip_prefix("sha-256:").and_then(|t| URL_SAFE_NO_PAD.decode(t).ok());
    if bytes.is_none_or(|bytes| bytes.len() != 32) {
        problems.add(members.at("digest"), "must be `sha-256:` and 32 bytes in base64url");
    }
    Some(text.to_owned())
}

fn resources(
    server: &str,
    nodes: &[Node<'_>],
    definition: &mut Definition,
    problems: &mut Problems,
) -> Resources {
    let mut resources = Resources::default();
    for node in nodes {
        let Some(mut members) = node.members(problems) else { continue };
        let uri = members.maybe_text("uri", problems);
        let prefix = members.maybe_text("prefix", problems);
        let rated = rated(&mut members, problems);
        members.close(problems);
        let (name, fresh) = match (uri, prefix) {
            (Some(uri), None) => (uri.to_owned(), resources.exact.insert(uri.to_owned())),
            (None, Some(prefix)) => {
                let name = format!("{prefix}*");
                (name.clone(), resources.prefixes.insert(name))
            }
            _ => {
                problems.add(node.path(), "must have uri or prefix, and not both");
                continue;
            }
        };
        // `x*` as a URI and `x` as a prefix would be one resource to policy.
        if !fresh || (resources.exact.contains(&name) && resources.prefixes.contains(&name)) {
            problems.add(node.path(), "is another resource as well");
        }
        let id = format!("{server}/{name}");
        definition.offered.push(Offered {
            kind: OfferedKind::Resource,
            server: server.to_owned(),
            name,
            id,
            rated,
        });
    }
    resources
}

fn prompts(
    server: &str,
    nodes: &[Node<'_>],
    definition: &mut Definition,
    problems: &mut Problems,
) -> BTreeSet<String> {
    let mut prompts = BTreeSet::new();
    for node in nodes {
        let Some(mut members) = node.members(problems) else { continue };
        let name = members.need_text("name", problems);
        let rated = rated(&mut members, problems);
        members.close(problems);
        let Some(name) = name.map(str::to_owned) else { continue };
        if !prompts.insert(name.clone()) {
            problems.add(format!("{}.name", node.path()), "is the name of another prompt as well");
        }
        let id = format!("{server}/{name}");
        definition.offered.push(Offered {
            kind: OfferedKind::Prompt,
            server: server.to_owned(),
            name,
            id,
            rated,
        });
    }
    prompts
}

pub(super) fn route(
    node: &Node<'_>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Option<RouteParts> {
    let mut members = node.members(problems)?;
    let line = line(&mut members, problems);
    let action = match line {
        // A gRPC method is an action, unless it is said to be another.
        Some(Line { over: Over::Grpc, name, .. }) => {
            Some(members.maybe_text("action", problems).unwrap_or(name))
        }
        _ => members.need_text("action", problems),
    };
    let resource = members.maybe_text("resource", problems);
    let groups = members.texts("groups", problems);
    members.close(problems);
    let (Line { method, over, template, .. }, action) = (line?, action?);
    let resource = resource.unwrap_or(&template).to_owned();
    // A wrong template is reported by the surface; here it merely has no parameters.
    let parsed = Template::parse(&template).ok();
    let parameters = parsed.map(|t| sorted::set(t.parameters().map(str::to_owned)));
    definition.routes.push(RouteAction {
        path: node.path().to_owned(),
        action: action.to_owned(),
        resource: resource.clone(),
        parameters: parameters.unwrap_or_default(),
        groups,
    });
    Some(RouteParts {
        at: node.path().to_owned(),
        method: method.to_owned(),
        over,
        template,
        action: ActionName(action.to_owned()),
        resource,
    })
}

/// What a request line has to be to fit a route.
struct Line<'a> {
    method: &'a str,
    over: Over,
    template: String,
    /// Of a gRPC method.
    name: &'a str,
}

/// `method` and `path`, perhaps with `upgrade`; or `grpc` in place of all three.
fn line<'a>(members: &mut Members<'a>, problems: &mut Problems) -> Option<Line<'a>> {
    let Some(grpc) = members.maybe("grpc") else {
        let (method, path) =
            (members.need_text("method", problems), members.need_text("path", problems));
        let over = match members.maybe_text("upgrade", problems) {
            Some(name) => Over::Upgrade(name.to_owned()),
            None => Over::Plain,
        };
        return Some(Line { method: method?, over, template: path?.to_owned(), name: "" });
    };
    for member in ["method", "path", "upgrade"] {
        if let Some(node) = members.maybe(member) {
            node.wrong::<()>(problems, "can't be beside grpc");
        }
    }
    let name = grpc.text(problems)?;
    match grpc_path(name) {
        Some(template) => Some(Line { method: "POST", over: Over::Grpc, template, name }),
        None => grpc.wrong(problems, "must be a method of a service, such as orders.v1.Orders/Get"),
    }
}
