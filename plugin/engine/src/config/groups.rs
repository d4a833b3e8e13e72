//! The groups each action is in, for limits and grants that name one.
//!
//! Not here: what policies make of groups; they have the schema.

use crate::policy::Definition;
use crate::registry::ActionGroups;

/// Those of the vocabulary and those of the configuration.
pub(super) fn groups(definition: &Definition) -> ActionGroups {
    let mut groups = ActionGroups::new();
    for (group, actions) in VOCABULARY {
        for action in *actions {
            groups.entry((*action).to_owned()).or_default().insert((*group).to_owned());
        }
    }
    for tool in &definition.tools {
        let of = groups.entry(format!("{}/{}", tool.server, tool.name)).or_default();
        of.insert(if tool.skill { "a2a/send" } else { "tools/call" }.to_owned());
        of.extend(tool.groups.iter().cloned());
    }
    for route in &definition.routes {
        groups.entry(route.action.clone()).or_default().extend(route.groups.iter().cloned());
    }
    groups
}

/// As the schema has them: written once more, so that no schema is parsed for them at every start.
const VOCABULARY: &[(&str, &[&str])] = &[
    (
        "mcp/connect",
        &[
            "initialize",
            "server/discover",
            "ping",
            "logging/setLevel",
            "notifications",
            "tools/list",
            "resources/list",
            "resources/templates/list",
            "prompts/list",
            "completion/complete",
            "subscriptions/listen",
            "mcp/stream",
            "mcp/end",
        ],
    ),
    ("mcp/resources", &["resources/read", "resources/subscribe", "resources/unsubscribe"]),
    (
        "mcp/tasks",
        &["tasks/start", "tasks/get", "tasks/update", "tasks/cancel", "tasks/result", "tasks/list"],
    ),
    ("a2a/connect", &["GetAgentCard", "GetExtendedAgentCard"]),
    ("a2a/send", &["SendMessage", "SendStreamingMessage"]),
    ("a2a/tasks", &["GetTask", "CancelTask", "SubscribeToTask", "ListTasks"]),
    (
        "a2a/push",
        &[
            "CreateTaskPushNotificationConfig",
            "GetTaskPushNotificationConfig",
            "ListTaskPushNotificationConfigs",
            "DeleteTaskPushNotificationConfig",
        ],
    ),
    ("mcp/ask", &["sampling/createMessage", "elicitation/create", "roots/list", "mcp/answer"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_groups_are_those_of_the_schema() {
        let schema = include_str!("../../../../policies/schema/deputy.cedarschema");
        // Actions whose input has a type are added with it.
        let mut text = schema.to_owned();
        for (group, actions) in VOCABULARY {
            if !["mcp/resources", "a2a/send", "a2a/tasks", "a2a/push"].contains(group) {
                continue;
            }
            let added = actions.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>();
            let appliesto = "appliesTo { principal: [Human], resource: [Resource], context: {} }";
            text.push_str(&format!("action {} in [{group:?}] {appliesto};", added.join(", ")));
        }
        let (schema, _) = cedar_policy::Schema::from_cedarschema_str(&text).unwrap();
        let entities = schema.action_entities().unwrap();
        let id = |uid: &cedar_policy::EntityUid| uid.id().unescaped().to_owned();
        let mut expected: BTreeSet<(String, String)> = BTreeSet::new();
        for action in entities.iter().map(cedar_policy::Entity::uid) {
            let above = entities.ancestors(&action).into_iter().flatten();
            expected.extend(above.map(|group| (id(group), id(&action))));
        }
        let listed = VOCABULARY.iter().flat_map(|(group, actions)| {
            actions.iter().map(|action| ((*group).to_owned(), (*action).to_owned()))
        });
        assert_eq!(listed.collect::<BTreeSet<_>>(), expected);
    }
}
