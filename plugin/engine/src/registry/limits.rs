//! The most that one agent may ever have. A limit only takes away; what is left is policy's.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Asked, ResourceKind};

/// Limits of one agent; none of a kind: no limit of that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) scopes: Option<BTreeSet<String>>,
    /// Actions, or groups of actions.
    pub(crate) actions: Option<BTreeSet<String>>,
    /// MCP servers and A2A agents, single things on them (`server/tool`), and resources of HTTP routes.
    pub(crate) resources: Option<BTreeSet<String>>,
}

/// The groups each action is in, as the catalogue and the route table say.
pub(crate) type ActionGroups = BTreeMap<String, BTreeSet<String>>;

impl Limits {
    /// Whether the request is within them.
    pub(super) fn hold(&self, asked: &Asked, groups: &ActionGroups) -> bool {
        let actions = self.actions.as_ref();
        let resources = self.resources.as_ref();
        // What connects a client to a server is no action that a limit is about: it calls nothing,
        // and lists show what is within the limits.
        let connecting =
            || groups.get(asked.action.as_str()).is_some_and(|of| of.contains(CONNECTING));
        // A tool or a route that names the group is none of it.
        let connects = || asked.resource.kind == ResourceKind::Server && connecting();
        let reaches = |names| connects() && covers_part(names, asked);
        actions.is_none_or(|names| connects() || covers_action(names, asked, groups))
            && resources.is_none_or(|names| covers_resource(names, asked) || reaches(names))
    }
}

/// Whether one of the names is the action's, or that of a group it is in.
pub(super) fn covers_action(
    names: &BTreeSet<String>,
    asked: &Asked,
    groups: &ActionGroups,
) -> bool {
    let action = asked.action.as_str();
    let by_group = |groups: &BTreeSet<String>| !groups.is_disjoint(names);
    names.contains(action) || groups.get(action).is_some_and(by_group)
}

/// Whether one of the names is the resource's, or that of the server it is on.
pub(super) fn covers_resource(names: &BTreeSet<String>, asked: &Asked) -> bool {
    let resource = &asked.resource;
    let server = match resource.kind {
        ResourceKind::Tool
        | ResourceKind::Resource
        | ResourceKind::Prompt
        | ResourceKind::Skill => resource.id.split_once('/').map(|(server, _)| server),
        ResourceKind::Server | ResourceKind::RemoteAgent | ResourceKind::Endpoint => None,
    };
    names.contains(&resource.id) || server.is_some_and(|server| names.contains(server))
}

/// Whether one of the names is that of something on the server that is asked.
fn covers_part(names: &BTreeSet<String>, asked: &Asked) -> bool {
    let on = |name: &String| name.split_once('/').is_some_and(|(of, _)| of == asked.resource.id);
    asked.resource.kind == ResourceKind::Server && names.iter().any(on)
}

/// The group of the schema that says what connecting is.
const CONNECTING: &str = "mcp/connect";
