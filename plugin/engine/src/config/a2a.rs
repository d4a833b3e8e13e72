//! The `a2a` section: agents that are spoken to by A2A, and their skills.

use super::fields::{Members, Node, Problems};
use super::law::Law;
use super::{TokenUse, surface};
use crate::policy::Definition;
use crate::protocol::{A2aParts, A2aVersion as Version, Catalogue};

/// One agent, and what becomes of tokens for it.
pub(super) fn agent(
    node: &Node<'_>,
    law: &Law<'_>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Option<(A2aParts, TokenUse)> {
    let mut members = node.members(problems)?;
    let server = members.need_text("server", problems);
    let mut maybe = |name| members.maybe_text(name, problems).map(str::to_owned);
    let (json_rpc, http_json, card) = (maybe("json_rpc"), maybe("http_json"), maybe("card"));
    let (origin, name, tenant) = (maybe("origin"), maybe("name"), maybe("tenant"));
    let (skill_member, resource) = (maybe("skill_member"), maybe("resource"));
    let versions = members.maybe("versions");
    let versions =
        versions.map(|n| surface::versions(&n, &Version::ALL, Version::as_str, problems));
    let push_hosts = members.texts("push_hosts", problems);
    let open_tasks = open_tasks(&mut members, problems);
    let forward = members.flag("forward_token", false, problems);
    if forward && resource.is_none() {
        problems
            .add(members.at("forward_token"), "needs resource: whose token would be passed on?");
    }
    let scopes = super::parts::scopes(&mut members, problems);
    if !scopes.is_empty() && resource.is_none() {
        problems.add(members.at("scopes_supported"), "needs resource: whose scopes would they be?");
    }
    if law.skills.is_some() && members.maybe("skills").is_some() {
        problems.add(members.at("skills"), "comes from the bundle; it can't be in both");
    }
    let nodes = members.items("skills", problems);
    members.close(problems);
    let server = server?.to_owned();
    let skills = match &law.skills {
        Some(skills) => skills.get(&server).cloned().unwrap_or_default(),
        None => surface::catalogue((&server, true), &nodes, definition, problems),
    };
    let versions = versions.unwrap_or_else(|| Some(vec![Version::V1_0]))?;
    let catalogue = Catalogue { skills, ..Catalogue::default() };
    let path = json_rpc.clone().or_else(|| http_json.clone()).unwrap_or_default();
    let parts = A2aParts {
        at: node.path().to_owned(),
        server,
        json_rpc,
        http_json,
        card,
        versions,
        tenant,
        origin,
        name,
        catalogue,
        skill_member,
        push_hosts,
        open_tasks,
        ..A2aParts::default()
    };
    Some((parts, TokenUse { resource, forward, path, scopes }))
}

/// Whose a task is: sealed into its id, or the server's to know.
fn open_tasks(members: &mut Members<'_>, problems: &mut Problems) -> bool {
    match members.maybe_text("tasks", problems) {
        None | Some("sealed") => false,
        Some("server") => true,
        Some(_) => {
            problems.add(members.at("tasks"), "must be \"sealed\" or \"server\"");
            false
        }
    }
}
