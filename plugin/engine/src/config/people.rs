//! The sections `attributes`, `teams`, `humans` and `agents`: the registry, and the same again as
//! policy sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::fields::{Members, Node, Problems};
use super::roster::{Enrolling, Roster};
use crate::model::sorted;
use crate::model::{CallerClass, Period, PrincipalId, Timestamp, WorkloadId};
use crate::policy::{
    Actors, AgentEntity, Attribute, AttributeType, AttributeTypes, Definition, HumanEntity, Owner,
    Teams,
};
use crate::registry::{Agent, Delegators, Grant, Human, Limits, People, Status};

/// Who there is.
pub(super) struct Registered {
    pub(super) agents: Rc<Roster>,
    pub(super) people: Rc<People>,
    pub(super) grants: BTreeMap<PrincipalId, Vec<Rc<Grant>>>,
    /// Which agent each workload is.
    pub(super) workloads: BTreeMap<String, PrincipalId>,
}

/// What reading an agent needs.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) people: Rc<People>,
    pub(super) attributes: Rc<AttributeTypes>,
}

pub(super) fn read(
    members: &mut Members<'_>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Registered {
    let known = known(members, definition, problems);
    let agents = members.items("agents", problems);
    let mut enrolling = Enrolling::new(known, agents.len());
    let mut text = Vec::new();
    for node in &agents {
        let place = text.len();
        text.extend(node.value().to_text().into_bytes());
        enrolling.add(node, (&text, place), problems);
    }
    registered(members, (enrolling, text), definition, problems)
}

/// Of a document that is not there yet.
pub(super) fn nobody() -> Registered {
    Registered {
        agents: Rc::new(Enrolling::new(Known::default(), 0).finish(Vec::new())),
        people: Rc::default(),
        grants: BTreeMap::new(),
        workloads: BTreeMap::new(),
    }
}

/// Everything that agents refer to: `attributes`, `teams` and `humans`.
pub(super) fn known(
    members: &mut Members<'_>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Known {
    attributes(members, definition, problems);
    let teams = members.maybe("teams").map(|n| teams(&n, problems));
    let humans = humans(members, teams.as_ref(), definition, problems);
    let people = Rc::new(People::new(humans, teams));
    Known { people, attributes: Rc::new(definition.agent_attributes.clone()) }
}

/// What comes of all agents, each of them taken in from that text; and the section `grants`.
pub(super) fn registered(
    members: &mut Members<'_>,
    (mut enrolling, text): (Enrolling, Vec<u8>),
    definition: &mut Definition,
    problems: &mut Problems,
) -> Registered {
    let people = Rc::clone(&enrolling.known.people);
    let workloads = std::mem::take(&mut enrolling.workloads);
    definition.warnings.extend(std::mem::take(&mut enrolling.doubts).said());
    definition.teams = all_teams(&people, std::mem::take(&mut enrolling.teams), definition);
    let agents = Rc::new(enrolling.finish(text));
    definition.actors = Some(Rc::clone(&agents) as Rc<dyn Actors>);
    let grants = super::grants::read(members, &agents, &people, problems);
    Registered { agents, people, grants, workloads }
}

/// The teams there are: as listed, or else all that anybody is in.
fn all_teams(people: &People, of_agents: BTreeSet<String>, definition: &Definition) -> Teams {
    if let Some(listed) = people.teams() {
        return Teams { listed: true, names: sorted::set(listed.keys().cloned()) };
    }
    let of_humans = definition.humans.values().flat_map(|human| &human.teams);
    let names = sorted::set(of_humans.cloned().chain(of_agents));
    Teams { listed: false, names }
}

/// Agents that are refused for their owner whatever they ask for, which nobody means.
#[derive(Default)]
pub(super) struct Doubts {
    said: Vec<String>,
    more: usize,
}

impl Doubts {
    /// Doubts an agent whose owner is nobody.
    pub(super) fn unowned(&mut self, node: &Node<'_>, known: &Known) {
        let owner = node.value().as_object().and_then(|agent| agent.get("owner")?.as_str());
        let Some(owner) = owner else { return };
        let (known, of) = match PrincipalId::parse(owner) {
            Ok(id) => (known.people.human(&id).is_some(), "humans"),
            Err(_) => {
                let teams = known.people.teams();
                (teams.is_none_or(|teams| teams.contains_key(owner)), "teams")
            }
        };
        if known {
            return;
        }
        if self.said.len() >= MOST_DOUBTS {
            self.more = self.more.saturating_add(1);
            return;
        }
        let (path, owner) = (node.path(), owner.escape_debug());
        self.said.push(format!(
            "{path}.owner: `{owner}` is not in `{of}`, so every request of this agent is refused; \
             list it there, or correct the name"
        ));
    }

    fn said(self) -> impl Iterator<Item = String> {
        let Self { said, more } = self;
        let rest =
            (more > 0).then(|| format!("agents: {more} more have an owner who is not listed"));
        said.into_iter().chain(rest)
    }
}

fn attributes(members: &mut Members<'_>, definition: &mut Definition, problems: &mut Problems) {
    let Some(mut members) = members.maybe("attributes").and_then(|n| n.members(problems)) else {
        return;
    };
    definition.agent_attributes = types(&mut members, "agents", problems);
    definition.human_attributes = types(&mut members, "humans", problems);
    members.close(problems);
}

fn types(members: &mut Members<'_>, of: &'static str, problems: &mut Problems) -> AttributeTypes {
    let entries = members.maybe(of).and_then(|n| n.entries(problems)).unwrap_or_default();
    let kind = |(name, node): (&str, Node<'_>)| {
        let kind = AttributeType::named(node.text(problems)?);
        if kind.is_none() {
            problems.add(node.path(), format!("is not one of {}", AttributeType::known()));
        }
        Some((name.to_owned(), kind?))
    };
    sorted::map(entries.into_iter().filter_map(kind))
}

/// By name, whether it is disabled.
fn teams(node: &Node<'_>, problems: &mut Problems) -> BTreeMap<String, bool> {
    let mut teams = BTreeMap::new();
    for node in node.items(problems).unwrap_or_default() {
        let Some(mut members) = node.members(problems) else { continue };
        let name = members.need_text("name", problems);
        let disabled = members.maybe("status").and_then(|n| disabled(&n, problems));
        members.close(problems);
        let Some(name) = name else { continue };
        if name.contains('#') {
            problems.add(format!("{}.name", node.path()), "must not hold #: that is a human's id");
        }
        if teams.insert(name.to_owned(), disabled.unwrap_or(false)).is_some() {
            problems.add(format!("{}.name", node.path()), "is the name of another team as well");
        }
    }
    teams
}

fn humans(
    members: &mut Members<'_>,
    teams: Option<&BTreeMap<String, bool>>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> BTreeMap<PrincipalId, Human> {
    let (mut humans, mut entities) = (BTreeMap::new(), BTreeMap::new());
    for node in members.items("humans", problems) {
        let Some(mut members) = node.members(problems) else { continue };
        let id = principal(&mut members, problems);
        let disabled = members.maybe("status").and_then(|n| disabled(&n, problems));
        let in_teams = known_teams(&mut members, teams, problems);
        let roles = members.texts("roles", problems);
        let attributes = values(&mut members, &definition.human_attributes, problems);
        members.close(problems);
        let Some(id) = id else { continue };
        let human = Human {
            disabled: disabled.unwrap_or(false),
            teams: sorted::set(in_teams.iter().cloned()),
            roles: sorted::set(roles.iter().cloned()),
        };
        let entity = HumanEntity { teams: in_teams, roles, attributes };
        entities.insert(id.clone(), entity);
        if humans.insert(id, human).is_some() {
            problems.add(format!("{}.id", node.path()), "is the id of another human as well");
        }
    }
    definition.humans = Rc::new(entities);
    humans
}

/// One agent, as the registry and as policy sees it.
pub(super) fn agent(
    node: &Node<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Option<(PrincipalId, Agent, AgentEntity)> {
    let people = &*known.people;
    let mut members = node.members(problems)?;
    let id = principal(&mut members, problems);
    let mut text = |name| members.maybe_text(name, problems).map(str::to_owned);
    let (name, owner, sponsor) = (text("name"), text("owner"), text("sponsor"));
    let purpose = text("purpose");
    let spiffe = spiffe(&mut members, problems);
    let class = members.maybe("class").map(|n| class(&n, problems));
    let status = members.need("status", problems).and_then(|n| status(&n, problems));
    let risk = members.maybe("risk").and_then(|n| risk(&n, problems));
    let valid = period(&mut members, ("valid_from", "valid_until"), problems);
    let delegators = members.maybe("delegators").and_then(|n| delegators(&n, people, problems));
    let limits = members.maybe("limits").map(|n| limits(&n, problems)).unwrap_or_default();
    let teams = known_teams(&mut members, people.teams(), problems);
    let attributes = values(&mut members, &known.attributes, problems);
    members.close(problems);
    let entity = AgentEntity {
        // One without an owner is refused before policy could look at it.
        owner: owner.clone().unwrap_or_default(),
        owned_by: owner.as_deref().and_then(|owner| owned_by(owner, people)),
        sponsor: sponsor.clone(),
        purpose,
        risk,
        spiffe: spiffe.as_ref().map(|id| id.as_str().to_owned()),
        workload: class == Some(Some(CallerClass::Workload)),
        valid_until: valid.until,
        teams,
        attributes,
    };
    let limits = Rc::new(limits);
    let status = status?;
    let class = class.unwrap_or(Some(CallerClass::Agent))?;
    let agent = Agent { name, class, owner, sponsor, status, valid, spiffe, delegators, limits };
    Some((id?, agent, entity))
}

fn owned_by(owner: &str, people: &People) -> Option<Owner> {
    match PrincipalId::parse(owner) {
        Ok(id) => people.human(&id).map(|_| Owner::Human(id.clone())),
        Err(_) => people.teams()?.get(owner).map(|_| Owner::Team(owner.to_owned())),
    }
}

fn status(node: &Node<'_>, problems: &mut Problems) -> Option<Status> {
    match node.text(problems)? {
        "active" => Some(Status::Active),
        "suspended" => Some(Status::Suspended),
        "retired" => Some(Status::Retired),
        _ => node.wrong(problems, "must be active, suspended or retired"),
    }
}

fn class(node: &Node<'_>, problems: &mut Problems) -> Option<CallerClass> {
    match node.text(problems)? {
        "agent" => Some(CallerClass::Agent),
        "workload" => Some(CallerClass::Workload),
        _ => node.wrong(problems, "must be agent or workload"),
    }
}

fn disabled(node: &Node<'_>, problems: &mut Problems) -> Option<bool> {
    match node.text(problems)? {
        "active" => Some(false),
        "disabled" => Some(true),
        _ => node.wrong(problems, "must be active or disabled"),
    }
}

fn risk(node: &Node<'_>, problems: &mut Problems) -> Option<&'static str> {
    let text = node.text(problems)?;
    match RISKS.into_iter().find(|risk| *risk == text) {
        Some(risk) => Some(risk),
        None => node.wrong(problems, &format!("must be one of {}", RISKS.join(", "))),
    }
}

fn spiffe(members: &mut Members<'_>, problems: &mut Problems) -> Option<PrincipalId> {
    let text = members.maybe_text("spiffe", problems)?;
    match WorkloadId::spiffe(text) {
        Ok(id) => Some(id.principal()),
        Err(_) => {
            let at = members.at("spiffe");
            problems.add(at, "must be a SPIFFE id with a path, spiffe://domain/path");
            None
        }
    }
}

/// Two instants that may be absent, in order.
pub(super) fn period(
    members: &mut Members<'_>,
    (from, until): (&'static str, &'static str),
    problems: &mut Problems,
) -> Period {
    let mut at = |name| members.maybe(name).and_then(|n| instant(&n, problems));
    let period = Period { from: at(from), until: at(until) };
    if let (Some(start), Some(end)) = (period.from, period.until)
        && start >= end
    {
        problems.add(members.at(until), format!("must be later than {from}"));
    }
    period
}

pub(super) fn instant(node: &Node<'_>, problems: &mut Problems) -> Option<Timestamp> {
    match Timestamp::parse(node.text(problems)?) {
        Some(at) => Some(at),
        None => node.wrong(problems, "must be an instant like 2026-11-23T18:17:50Z"),
    }
}

fn delegators(node: &Node<'_>, people: &People, problems: &mut Problems) -> Option<Delegators> {
    let mut members = node.members(problems)?;
    let mut humans = BTreeSet::new();
    for node in members.items("humans", problems) {
        let Some(text) = node.text(problems) else { continue };
        humans.extend(problems.keep(node.path(), PrincipalId::parse(text)));
    }
    let teams = named_teams(&mut members, "teams", people.teams(), problems);
    members.close(problems);
    Some(Delegators { humans, teams: sorted::set(teams) })
}

fn limits(node: &Node<'_>, problems: &mut Problems) -> Limits {
    let Some(mut members) = node.members(problems) else { return Limits::default() };
    let mut names = |name| {
        let node = members.maybe(name)?;
        let items = node.items(problems)?;
        Some(sorted::set(items.iter().filter_map(|n| n.text(problems)).map(str::to_owned)))
    };
    let limits = Limits {
        scopes: names("scopes"),
        actions: names("actions"),
        resources: names("resources"),
    };
    members.close(problems);
    limits
}

fn known_teams(
    members: &mut Members<'_>,
    known: Option<&BTreeMap<String, bool>>,
    problems: &mut Problems,
) -> Vec<String> {
    named_teams(members, "teams", known, problems)
}

/// Names of teams; where teams are listed, of those.
fn named_teams(
    members: &mut Members<'_>,
    member: &'static str,
    known: Option<&BTreeMap<String, bool>>,
    problems: &mut Problems,
) -> Vec<String> {
    let names = members.texts(member, problems);
    for (i, name) in names.iter().enumerate() {
        if known.is_some_and(|known| !known.contains_key(name)) {
            let path = format!("{}[{i}]", members.at(member));
            problems.add(path, format!("`{}` is not in `teams`", name.escape_debug()));
        }
    }
    names
}

/// The values of declared attributes.
fn values(
    members: &mut Members<'_>,
    types: &AttributeTypes,
    problems: &mut Problems,
) -> BTreeMap<String, Attribute> {
    let entries = members.maybe("attributes").and_then(|n| n.entries(problems));
    let value = |(name, node): (&str, Node<'_>)| {
        let Some(kind) = types.get(name) else {
            let declared = types.keys().map(String::as_str);
            let message = match super::nearest(name, declared) {
                Some(near) => format!("is not declared in `attributes`; did you mean `{near}`?"),
                None => "is not declared in `attributes`".to_owned(),
            };
            return node.wrong(problems, &message);
        };
        match kind.value(node.value()) {
            Some(value) => Some((name.to_owned(), value)),
            None => node.wrong(problems, &format!("must be a {}", kind.name())),
        }
    };
    sorted::map(entries.unwrap_or_default().into_iter().filter_map(value))
}

fn principal(members: &mut Members<'_>, problems: &mut Problems) -> Option<PrincipalId> {
    let text = members.need_text("id", problems)?;
    problems.keep(&members.at("id"), PrincipalId::parse(text))
}

/// An identity that may be absent.
pub(super) fn maybe_principal(
    members: &mut Members<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<PrincipalId> {
    let text = members.maybe_text(name, problems)?;
    problems.keep(&members.at(name), PrincipalId::parse(text))
}

/// What [`known`] reads.
pub(super) const SECTIONS: [&str; 3] = ["attributes", "teams", "humans"];
/// Lines in a log that somebody is to read.
const MOST_DOUBTS: usize = 32;
const RISKS: [&str; 4] = ["low", "medium", "high", "critical"];
