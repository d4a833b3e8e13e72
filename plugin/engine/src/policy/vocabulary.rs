//! The schema and the entities of a configuration, and the names both are written with.

mod entities;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, Schema};

use super::attributes::{self, Attribute, AttributeTypes};
use super::input;
use super::load::Problem;
use super::reach::Actors;
use super::teams::Teams;
use crate::model::sorted;
use crate::model::{ActionName, PrincipalId, ResourceId, ResourceKind, Timestamp};

/// What a configuration adds to the vocabulary.
#[derive(Default)]
pub(crate) struct Definition {
    /// None: there is nobody.
    pub(crate) actors: Option<Rc<dyn Actors>>,
    pub(crate) humans: Rc<BTreeMap<PrincipalId, HumanEntity>>,
    pub(crate) servers: Vec<String>,
    pub(crate) tools: Vec<ToolAction>,
    /// Names of A2A agents; their skills are among the tools.
    pub(crate) remote_agents: Vec<String>,
    pub(crate) offered: Vec<Offered>,
    pub(crate) routes: Vec<RouteAction>,
    pub(crate) agent_attributes: AttributeTypes,
    pub(crate) human_attributes: AttributeTypes,
    pub(crate) teams: Teams,
    /// What its author should know although it is no error.
    pub(crate) warnings: Vec<String>,
}

#[derive(Default)]
pub(crate) struct AgentEntity {
    /// It is a workload that is no agent.
    pub(crate) workload: bool,
    pub(crate) owner: String,
    /// The owner, if it is a registered human or team.
    pub(crate) owned_by: Option<Owner>,
    pub(crate) sponsor: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) risk: Option<&'static str>,
    pub(crate) spiffe: Option<String>,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) teams: Vec<String>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
}

/// Who answers for an agent.
pub(crate) enum Owner {
    Human(PrincipalId),
    Team(String),
}

#[derive(Default)]
pub(crate) struct HumanEntity {
    pub(crate) teams: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
}

/// One tool, or one skill of an A2A agent: the action `server/name` on the resource `server/name`.
pub(crate) struct ToolAction {
    /// It is a skill.
    pub(crate) skill: bool,
    /// JSON path in the configuration.
    pub(crate) path: String,
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) input: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) rated: Rated,
    /// The argument that says how much money a call moves.
    pub(crate) spend: Option<String>,
}

/// A resource or a prompt of an MCP server.
pub(crate) struct Offered {
    pub(crate) kind: OfferedKind,
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) rated: Rated,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferedKind {
    Resource,
    Prompt,
}

/// What the operator says of something that is offered.
#[derive(Default)]
pub(crate) struct Rated {
    pub(crate) risk: Option<String>,
    pub(crate) data: Vec<String>,
}

/// One HTTP route.
pub(crate) struct RouteAction {
    pub(crate) path: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) parameters: BTreeSet<String>,
    pub(crate) groups: Vec<String>,
}

/// The base schema with the configuration's actions, as text.
pub(super) fn text(definition: &Definition) -> Result<String, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut actions: BTreeMap<String, String> = BTreeMap::new();
    let mut groups: BTreeSet<&str> = BTreeSet::new();
    for tool in &definition.tools {
        groups.extend(tool.groups.iter().map(String::as_str));
        if let Some(text) = tool.input.as_deref() {
            problems.extend(input::check(&tool.path, text));
        }
        let group = if tool.skill { "a2a/send" } else { "tools/call" };
        let rest = format!("{} {}", parents(Some(group), &tool.groups), tool.applies_to());
        if actions.insert(format!("{}/{}", tool.server, tool.name), rest).is_some() {
            problems.push(Problem::at(tool.path.clone(), "is another tool or skill as well"));
        }
    }
    for route in &definition.routes {
        groups.extend(route.groups.iter().map(String::as_str));
        let context = context_type(route_input(&route.parameters).as_deref());
        let parents = parents(None, &route.groups);
        let text = format!("{parents} {}", applies_to("Endpoint", &context));
        match actions.insert(route.action.clone(), text.clone()) {
            Some(other) if other != text => problems.push(Problem::at(
                format!("{}.action", route.path),
                "is already an action with another input, resource type or groups",
            )),
            _ => {}
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut text = base(definition);
    // Not through the map: a tool of that name is to be an error, not a replacement.
    let by_uri = applies_to("Resource", &context_type(Some("{ uri: String }")));
    let _ = writeln!(text, "action {RESOURCE_ACTIONS} in [\"mcp/resources\"] {by_uri};");
    for (actions, group, input) in A2A_ACTIONS {
        let input = if input.is_empty() { message_type(None) } else { (*input).to_owned() };
        let rest = applies_to("RemoteAgent", &context_type(Some(&input)));
        let _ = writeln!(text, "action {actions} in [\"{group}\"] {rest};");
    }
    for group in
        groups.into_iter().filter(|g| !BASE_GROUPS.contains(g) && !actions.contains_key(*g))
    {
        let _ = writeln!(text, "action {};", quoted(group));
    }
    for (name, rest) in &actions {
        let _ = writeln!(text, "action {}{rest};", quoted(name));
    }
    Ok(text)
}

/// The same, read.
pub(super) fn schema(definition: &Definition, text: &str) -> Result<Schema, Vec<Problem>> {
    match Schema::from_cedarschema_str(text) {
        Ok((schema, _)) => Ok(schema),
        Err(e) => Err(culprits(definition, &e.to_string())),
    }
}

/// What is there whoever asks: the actions, and what they are done to.
pub(super) fn entities(definition: &Definition, schema: &Schema) -> Result<Entities, Vec<Problem>> {
    let failed = |e: String| vec![Problem::at("tools".to_owned(), e)];
    let mut all = BTreeMap::new();
    let mut add = |entity: Entity| all.insert(entity.uid(), entity);
    for server in &definition.servers {
        add(Entity::with_uid(uid(&NAMES.server, server)));
    }
    for tool in &definition.tools {
        add(tool.entity().map_err(failed)?);
    }
    for agent in &definition.remote_agents {
        add(Entity::with_uid(uid(&NAMES.remote_agent, agent)));
    }
    for offered in &definition.offered {
        add(offered.entity().map_err(failed)?);
    }
    for route in &definition.routes {
        add(Entity::with_uid(uid(&NAMES.endpoint, &route.resource)));
    }
    Entities::from_entities(all.into_values(), Some(schema)).map_err(|e| failed(e.to_string()))
}

impl ToolAction {
    fn applies_to(&self) -> String {
        if !self.skill {
            return applies_to("Tool", &context_type(self.input.as_deref()));
        }
        applies_to("Skill", &context_type(Some(&message_type(self.input.as_deref()))))
    }
}

pub(super) fn agent(id: &PrincipalId) -> EntityUid {
    uid(&NAMES.agent, id.as_str())
}

pub(super) fn workload(id: &PrincipalId) -> EntityUid {
    uid(&NAMES.workload, id.as_str())
}

/// Whether an entity is a workload, or an agent; none: it is neither.
pub(super) fn actor_type(uid: &EntityUid) -> Option<bool> {
    let kind = uid.type_name();
    let workload = *kind == NAMES.workload;
    (workload || *kind == NAMES.agent).then_some(workload)
}

pub(super) fn human(id: &PrincipalId) -> EntityUid {
    uid(&NAMES.human, id.as_str())
}

pub(super) fn action(name: &ActionName) -> EntityUid {
    uid(&NAMES.action, name.as_str())
}

pub(super) fn resource(id: &ResourceId) -> EntityUid {
    let kind = match id.kind {
        ResourceKind::Server => &NAMES.server,
        ResourceKind::Tool => &NAMES.tool,
        ResourceKind::Resource => &NAMES.resource,
        ResourceKind::Prompt => &NAMES.prompt,
        ResourceKind::RemoteAgent => &NAMES.remote_agent,
        ResourceKind::Skill => &NAMES.skill,
        ResourceKind::Endpoint => &NAMES.endpoint,
    };
    uid(kind, &id.id)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// The type names, parsed once.
struct Names {
    action: EntityTypeName,
    agent: EntityTypeName,
    endpoint: EntityTypeName,
    human: EntityTypeName,
    prompt: EntityTypeName,
    remote_agent: EntityTypeName,
    resource: EntityTypeName,
    role: EntityTypeName,
    server: EntityTypeName,
    skill: EntityTypeName,
    team: EntityTypeName,
    tool: EntityTypeName,
    workload: EntityTypeName,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    action: type_name("Action"),
    agent: type_name("Agent"),
    endpoint: type_name("Endpoint"),
    human: type_name("Human"),
    prompt: type_name("Prompt"),
    remote_agent: type_name("RemoteAgent"),
    resource: type_name("Resource"),
    role: type_name("Role"),
    server: type_name("Server"),
    skill: type_name("Skill"),
    team: type_name("Team"),
    tool: type_name("Tool"),
    workload: type_name("Workload"),
});

#[expect(clippy::expect_used, reason = "constants of this file, all parsed by the first test")]
fn type_name(name: &'static str) -> EntityTypeName {
    EntityTypeName::from_str(name).expect("an identifier")
}

/// The context type of an action.
fn context_type(input: Option<&str>) -> String {
    match input {
        None => "Situation".to_owned(),
        Some(input) => format!("{{{} input: {input} }}", situation()),
    }
}

/// What policy reads of an A2A message, and the data of one that names a skill.
fn message_type(data: Option<&str>) -> String {
    let data = data.map(|data| format!(", data: {data}")).unwrap_or_default();
    format!("{{ {A2A_MESSAGE}{data} }}")
}

fn route_input(parameters: &BTreeSet<String>) -> Option<String> {
    if parameters.is_empty() {
        return None;
    }
    let fields = parameters.iter().map(|p| format!("{}: String", quoted(p)));
    Some(format!("{{ {} }}", fields.collect::<Vec<_>>().join(", ")))
}

fn parents(base: Option<&str>, groups: &[String]) -> String {
    let all = sorted::set(base.into_iter().chain(groups.iter().map(String::as_str)));
    if all.is_empty() {
        return String::new();
    }
    let all: Vec<_> = all.into_iter().map(quoted).collect();
    format!(" in [{}]", all.join(", "))
}

fn applies_to(resource: &str, context: &str) -> String {
    format!(
        "appliesTo {{ principal: [Agent, Workload, Human], resource: [{resource}], context: {context} }}"
    )
}

/// The base vocabulary with the attributes that the configuration declares.
fn base(definition: &Definition) -> String {
    let declared = [
        ("type AgentAttributes = {};", "AgentAttributes", &definition.agent_attributes),
        ("type HumanAttributes = {};", "HumanAttributes", &definition.human_attributes),
    ];
    declared.into_iter().fold(BASE.to_owned(), |text, (line, name, types)| {
        let record = attributes::record_type(types);
        text.replace(line, &format!("type {name} = {record};"))
    })
}

/// Which inputs the whole fails on: each is tried alone, so that its author is told where.
fn culprits(definition: &Definition, whole: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tool in &definition.tools {
        let alone = tool.applies_to();
        if let Err(e) = Schema::from_cedarschema_str(&format!("{BASE}\naction \"it\" {alone};")) {
            problems.push(Problem::at(format!("{}.input", tool.path), e.to_string()));
        }
    }
    if problems.is_empty() {
        let message = format!("the actions do not make a schema: {whole}");
        problems.push(Problem::at("mcp, a2a, http".to_owned(), message));
    }
    problems
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", EntityId::new(name).escaped())
}

/// The members of `Situation`, from the schema itself, so that they are written once.
fn situation() -> &'static str {
    BASE.split_once("type Situation = {")
        .and_then(|(_, rest)| rest.split_once("};"))
        .map_or("", |(members, _)| members)
}

const BASE: &str = include_str!("../../../../policies/schema/deputy.cedarschema");
const BASE_GROUPS: [&str; 9] = [
    "tools/call",
    "mcp/connect",
    "mcp/resources",
    "mcp/tasks",
    "mcp/ask",
    "a2a/connect",
    "a2a/send",
    "a2a/tasks",
    "a2a/push",
];
/// What policy reads of a message, as `protocol::a2a` makes it.
const A2A_MESSAGE: &str = "streaming: Bool, task?: String, context?: String, \
     references: Set<String>, parts: Set<String>, urls: Set<String>, extensions: Set<String>, \
     digest: String";
/// Actions of an A2A agent as a whole, the group they are in, and their input; none: a message.
const A2A_ACTIONS: &[(&str, &str, &str)] = &[
    ("SendMessage, SendStreamingMessage", "a2a/send", ""),
    ("GetTask, CancelTask, SubscribeToTask", "a2a/tasks", "{ task: String }"),
    ("ListTasks", "a2a/tasks", "{ context?: String }"),
    ("CreateTaskPushNotificationConfig", "a2a/push", "{ task?: String, host: String }"),
    (
        "GetTaskPushNotificationConfig, ListTaskPushNotificationConfigs, \
         DeleteTaskPushNotificationConfig",
        "a2a/push",
        "{ task: String }",
    ),
];
/// Those of a resource: policy reads which one by `context.input.uri`.
const RESOURCE_ACTIONS: &str =
    "\"resources/read\", \"resources/subscribe\", \"resources/unsubscribe\"";
/// The risk of what nobody has rated.
const UNRATED: &str = "unrated";

#[cfg(test)]
mod tests {
    use super::*;

    fn made(definition: &Definition) -> Result<Schema, Vec<Problem>> {
        schema(definition, &text(definition)?)
    }

    #[test]
    fn the_base_vocabulary_is_a_schema() {
        assert!(made(&Definition::default()).is_ok());
        assert!(situation().contains("now: datetime"));
        let mut definition = Definition::default();
        definition.agent_attributes.insert("a\"b".to_owned(), attributes::AttributeType::Texts);
        assert!(base(&definition).contains("{ \"a\\\"b\"?: Set<String> }"));
        assert!(made(&definition).is_ok());
        LazyLock::force(&NAMES);
    }

    fn tool(input: &str) -> Definition {
        let tool = ToolAction {
            skill: false,
            path: "mcp[0].tools[0]".to_owned(),
            server: "orders".to_owned(),
            name: "re\"fund".to_owned(),
            input: Some(input.to_owned()),
            groups: vec!["write".to_owned()],
            rated: Rated::default(),
            spend: None,
        };
        Definition {
            servers: vec!["orders".to_owned()],
            tools: vec![tool],
            ..Definition::default()
        }
    }

    #[test]
    fn a_tool_becomes_an_action_whatever_its_name() {
        let definition = tool("{ id: Long, note?: String }");
        let schema = made(&definition).unwrap();
        assert!(entities(&definition, &schema).is_ok());
    }

    #[test]
    fn an_input_is_one_record_type_and_names_its_path_when_it_is_not() {
        for bad in ["Long", "{ id: }", "{}; entity Evil", "{ id: Lonng }", "{ id: Long"] {
            let problems = made(&tool(bad)).err().unwrap();
            assert_eq!(problems[0].path, "mcp[0].tools[0].input", "{bad}");
        }
    }
}
