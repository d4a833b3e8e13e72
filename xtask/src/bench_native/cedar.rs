//! The yardstick: Cedar alone, on the same policies, entities and facts, asked the same two questions.
//!
//! Everything is built beforehand; only `is_authorized` is left to measure. No schema: Cedar does not
//! need one to answer.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result, bail};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression,
};
use serde_json::Value;

use crate::asking::Asking;
use crate::world::{ISSUER, World};

/// Policies, entities, and the agent's and the human's question.
pub(crate) struct Alone {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    questions: [Request; 2],
}

impl Alone {
    pub(crate) fn new(world: &World, asking: &Asking) -> Result<Self> {
        Self::with(world, asking, &world.policies().join("\n"))
    }

    /// With other policies than the configuration has.
    pub(crate) fn with(world: &World, asking: &Asking, text: &str) -> Result<Self> {
        let actors = [("Agent", AGENT), ("Human", HUMAN)];
        let question = |(kind, id): (&str, &str)| -> Result<Request> {
            let (resource_kind, resource_id) = asking.resource;
            let resource = uid(resource_kind, resource_id)?;
            Ok(Request::new(
                uid(kind, id)?,
                uid("Action", asking.action)?,
                resource,
                context(asking)?,
                None,
            )?)
        };
        let [agent, human] = actors.map(question);
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: policies(text)?,
            entities: entities(&world.configuration)?,
            questions: [agent?, human?],
        })
    }

    /// Both questions.
    pub(crate) fn decide(&self) -> bool {
        let asked = self
            .questions
            .iter()
            .map(|q| self.authorizer.is_authorized(q, &self.policies, &self.entities));
        asked.fold(true, |all, response| all && response.decision() == Decision::Allow)
    }

    /// The policies that determine each answer, by `@id`: the engine must name the same.
    ///
    /// # Errors
    /// If an answer is no.
    pub(crate) fn reasons(&self) -> Result<[Vec<String>; 2]> {
        let [agent, human] = &self.questions;
        Ok([self.reason(agent)?, self.reason(human)?])
    }

    fn reason(&self, question: &Request) -> Result<Vec<String>> {
        let response = self.authorizer.is_authorized(question, &self.policies, &self.entities);
        if response.decision() != Decision::Allow
            || response.diagnostics().errors().next().is_some()
        {
            bail!("Cedar alone does not allow {question}: {response:?}");
        }
        Ok(response.diagnostics().reason().map(ToString::to_string).collect())
    }
}

/// Each policy under its `@id`.
fn policies(text: &str) -> Result<PolicySet> {
    let mut all = PolicySet::new();
    for policy in text.parse::<PolicySet>()?.policies() {
        let id = policy.annotation("id").context("a policy without @id")?;
        all.add(policy.new_id(PolicyId::new(id)))?;
    }
    Ok(all)
}

fn entities(configuration: &Value) -> Result<Entities> {
    let mut all = Vec::new();
    for (kind, list) in [("Agent", "/agents"), ("Human", "/humans")] {
        for one in items(configuration, list) {
            let teams =
                items(one, "/teams").filter_map(Value::as_str).map(|team| uid("Team", team));
            all.push(with(uid(kind, text(one, "id")?)?, teams.collect::<Result<_>>()?));
        }
    }
    for server in items(configuration, "/mcp") {
        let server_name = text(server, "server")?;
        for tool in items(server, "/tools") {
            let id = format!("{server_name}/{}", text(tool, "name")?);
            all.push(with(uid("Tool", &id)?, [uid("Server", server_name)?].into()));
            let groups = items(tool, "/groups").filter_map(Value::as_str).chain(["tools/call"]);
            let groups: Result<HashSet<_>> = groups.map(|group| uid("Action", group)).collect();
            all.push(with(uid("Action", &id)?, groups?));
        }
    }
    Ok(Entities::from_entities(all, None)?)
}

fn with(uid: EntityUid, parents: HashSet<EntityUid>) -> Entity {
    Entity::new_no_attrs(uid, parents)
}

fn context(asking: &Asking) -> Result<Context> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let scopes = ["orders", "refunds"].map(text);
    let fields = |fields: Vec<(&str, RestrictedExpression)>| {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        RestrictedExpression::new_record(fields)
    };
    let none = RestrictedExpression::new_set([]);
    let depth = RestrictedExpression::new_long(1);
    let mut pairs = HashMap::from([
        ("now", RestrictedExpression::new_datetime("2026-11-23T12:00:00.000Z")),
        ("protocol", text(if asking.body.is_empty() { "http" } else { "mcp" })),
        ("agent", RestrictedExpression::new_entity_uid(uid("Agent", AGENT)?)),
        ("on_behalf_of", RestrictedExpression::new_entity_uid(uid("Human", HUMAN)?)),
        (
            "grant",
            fields(vec![
                ("scopes", RestrictedExpression::new_set(scopes)),
                ("details", none.clone()),
            ])?,
        ),
        ("grants", RestrictedExpression::new_set([])),
        (
            "credential",
            fields(vec![
                ("kind", text("at+jwt")),
                ("issuer", text(ISSUER)),
                ("proofs", RestrictedExpression::new_set([text("at+jwt")])),
            ])?,
        ),
        ("delegation", fields(vec![("depth", depth), ("prior", none)])?),
    ]);
    let input = asking.input.as_object().into_iter().flatten().map(|(name, value)| {
        let value = value.as_i64().map_or_else(
            || text(value.as_str().unwrap_or_default()),
            RestrictedExpression::new_long,
        );
        (name.clone(), value)
    });
    pairs.insert("input", RestrictedExpression::new_record(input)?);
    Ok(Context::from_pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)))?)
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>()?, EntityId::new(id)))
}

fn items<'v>(value: &'v Value, at: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("no text `{name}` in {value}"))
}

/// As the engine names principals: issuer, `#`, subject.
const AGENT: &str = "https://idp.acme.example#refund-bot";
const HUMAN: &str = "https://idp.acme.example#dana";
