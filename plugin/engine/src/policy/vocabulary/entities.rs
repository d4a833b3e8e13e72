//! What a definition declares, as Cedar's entities. Not here: their types (`vocabulary`).

use std::collections::HashMap;

use cedar_policy::{Entity, RestrictedExpression};

use super::{
    AgentEntity, HumanEntity, NAMES, Offered, OfferedKind, Owner, Rated, ToolAction, UNRATED,
    agent, human, uid, workload,
};
use crate::model::{PrincipalId, Timestamp};
use crate::policy::attributes;

impl AgentEntity {
    pub(in crate::policy) fn entity(&self, id: &PrincipalId) -> Result<Entity, String> {
        let text = |text: &String| RestrictedExpression::new_string(text.clone());
        let mut members = HashMap::from([
            ("owner".to_owned(), text(&self.owner)),
            ("attributes".to_owned(), attributes::record(&self.attributes)?),
        ]);
        let mut add = |name: &str, value: Option<RestrictedExpression>| {
            members.extend(value.map(|value| (name.to_owned(), value)));
        };
        add("sponsor", self.sponsor.as_ref().map(text));
        add("purpose", self.purpose.as_ref().map(text));
        add("risk", self.risk.map(|risk| RestrictedExpression::new_string(risk.to_owned())));
        add("spiffe", self.spiffe.as_ref().map(text));
        let until = |at: Timestamp| RestrictedExpression::new_datetime(at.to_string());
        add("valid_until", self.valid_until.map(until));
        match &self.owned_by {
            None => {}
            Some(Owner::Human(id)) => {
                add("owner_human", Some(RestrictedExpression::new_entity_uid(human(id))));
            }
            Some(Owner::Team(name)) => {
                let team = uid(&NAMES.team, name);
                add("owner_team", Some(RestrictedExpression::new_entity_uid(team)));
            }
        }
        let parents = self.teams.iter().map(|t| uid(&NAMES.team, t)).collect();
        let uid = if self.workload { workload(id) } else { agent(id) };
        Entity::new(uid, members, parents).map_err(|e| e.to_string())
    }
}

impl HumanEntity {
    pub(in crate::policy) fn entity(&self, id: &PrincipalId) -> Result<Entity, String> {
        let attributes = attributes::record(&self.attributes)?;
        let teams = self.teams.iter().map(|t| uid(&NAMES.team, t));
        let parents = teams.chain(self.roles.iter().map(|r| uid(&NAMES.role, r))).collect();
        Entity::new(human(id), [("attributes".to_owned(), attributes)].into(), parents)
            .map_err(|e| e.to_string())
    }
}

impl ToolAction {
    pub(super) fn entity(&self) -> Result<Entity, String> {
        let (kind, of) = match self.skill {
            true => (&NAMES.skill, &NAMES.remote_agent),
            false => (&NAMES.tool, &NAMES.server),
        };
        let id = format!("{}/{}", self.server, self.name);
        let parents = [uid(of, &self.server)].into();
        Entity::new(uid(kind, &id), self.rated.attributes(&self.name), parents)
            .map_err(|e| e.to_string())
    }
}

impl Offered {
    pub(super) fn entity(&self) -> Result<Entity, String> {
        let kind = match self.kind {
            OfferedKind::Resource => &NAMES.resource,
            OfferedKind::Prompt => &NAMES.prompt,
        };
        let parents = [uid(&NAMES.server, &self.server)].into();
        Entity::new(uid(kind, &self.id), self.rated.attributes(&self.name), parents)
            .map_err(|e| e.to_string())
    }
}

impl Rated {
    pub(super) fn attributes(&self, name: &str) -> HashMap<String, RestrictedExpression> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let data = RestrictedExpression::new_set(self.data.iter().map(|class| text(class)));
        let risk = text(self.risk.as_deref().unwrap_or(UNRATED));
        [("name", text(name)), ("risk", risk), ("data", data)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}
