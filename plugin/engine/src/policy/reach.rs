//! The entities that an evaluation can reach, gathered for each question: there may be a million agents, and
//! a question is about one of them.
//!
//! An evaluation reaches the principals, the action and the resource, whatever the context names, what the
//! policies that fit name themselves, and what any of these refers to by an attribute. What something is in is
//! written in the entity itself; teams and roles have nothing else to say, so they need not be there. Builds
//! with debug assertions ask all entities as well (`whole`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy::{Entities, EntityUid, Schema};
use cedar_policy_core::ast;
use cedar_policy_core::entities::TCComputation;
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::CoreSchema;

use super::load::Problem;
use super::vocabulary::{self, AgentEntity, Definition, HumanEntity, Owner};
use crate::decision::Reason;
use crate::model::PrincipalId;

/// Where agents are kept.
pub(crate) trait Actors {
    /// One of them, as policy sees it.
    fn agent(&self, id: &PrincipalId) -> Option<Rc<AgentEntity>>;

    /// Every one there is. Only for comparisons.
    fn all(&self) -> Vec<PrincipalId>;
}

/// An agent that is none of [`Actors`]: it was looked up for whoever is asked about.
pub(crate) struct LookedUp {
    uid: EntityUid,
    id: PrincipalId,
    entity: AgentEntity,
    version: u64,
}

impl LookedUp {
    /// `version`: another one for everything else that is ever said of it, and never 0.
    pub(crate) fn new(id: PrincipalId, entity: AgentEntity, version: u64) -> Self {
        let uid = match entity.workload {
            true => vocabulary::workload(&id),
            false => vocabulary::agent(&id),
        };
        Self { uid, id, entity, version }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn entity(&self) -> Result<cedar_policy::Entity, String> {
        self.entity.entity(&self.id)
    }
}

/// All entities there are, or can be made.
pub(super) struct Reach {
    /// Actions, tools and whatever else is there whoever asks.
    standing: Entities,
    humans: Rc<BTreeMap<PrincipalId, HumanEntity>>,
    actors: Option<Rc<dyn Actors>>,
    /// Who was made last, oldest first: of a list each item is a question about the same people.
    made: RefCell<Vec<(EntityUid, Reached)>>,
}

impl Reach {
    pub(super) fn of(definition: &Definition, schema: &Schema) -> Result<Self, Vec<Problem>> {
        Ok(Self {
            standing: vocabulary::entities(definition, schema)?,
            humans: Rc::clone(&definition.humans),
            actors: definition.actors.clone(),
            made: RefCell::default(),
        })
    }

    /// These, and what they refer to. `also`: an agent that is found nowhere else.
    pub(super) fn around(
        &self,
        uids: Vec<EntityUid>,
        also: Option<&LookedUp>,
    ) -> Result<Entities, Reason> {
        let mut found: Vec<Arc<ast::Entity>> = Vec::new();
        let mut left = uids;
        // Bounded: an agent refers to its owner, and no human refers to anybody.
        while let Some(uid) = left.pop() {
            if found.iter().any(|entity| entity.uid() == uid.as_ref()) {
                continue;
            }
            let reached = match also.filter(|agent| agent.uid == uid) {
                Some(agent) => of_agent(&agent.id, &agent.entity),
                None => self.entity(&uid),
            };
            let (entity, refers_to) = reached.map_err(|_| Reason::PolicyError)?;
            found.extend(entity);
            left.extend(refers_to);
        }
        // Of the type that is there already, so that the module holds one such function.
        let schema = None::<&CoreSchema<'_>>;
        let closed = TCComputation::AssumeAlreadyComputed;
        let empty = cedar_policy_core::entities::Entities::new();
        // What something is in is in nothing itself, or was standing there with all that it is in.
        let all = empty.add_entities(found, schema, closed, Extensions::all_available());
        all.map(Entities::from).map_err(|_| Reason::PolicyError)
    }

    /// All there are, as one set: what `around` leaves out must make no difference.
    pub(super) fn everything(&self) -> Result<Entities, Reason> {
        let agents = self.actors.iter().flat_map(|actors| actors.all());
        let agents = agents.flat_map(|id| [vocabulary::agent(&id), vocabulary::workload(&id)]);
        let humans = self.humans.keys().map(vocabulary::human);
        let standing = self.standing.iter().map(|entity| entity.uid());
        self.around(agents.chain(humans).chain(standing).collect(), None)
    }

    /// An entity, if there is one, and what it refers to.
    fn entity(&self, uid: &EntityUid) -> Result<Reached, String> {
        if let Some(standing) = self.standing.get(uid) {
            let standing: &ast::Entity = standing.as_ref();
            return Ok((Some(Arc::new(standing.clone())), None));
        }
        let mut made = self.made.try_borrow_mut().map_err(|_| BUSY.to_owned())?;
        if let Some((_, reached)) = made.iter().find(|(known, _)| known == uid) {
            return Ok(reached.clone());
        }
        let reached = self.make(uid)?;
        if made.len() >= MOST_MADE {
            made.remove(0);
        }
        made.push((uid.clone(), reached.clone()));
        Ok(reached)
    }

    /// An agent or a human.
    fn make(&self, uid: &EntityUid) -> Result<Reached, String> {
        if let Some(workload) = vocabulary::actor_type(uid) {
            let agent = principal(uid).and_then(|id| Some((self.actors.as_ref()?.agent(&id)?, id)));
            let Some((agent, id)) = agent.filter(|(agent, _)| agent.workload == workload) else {
                return Ok((None, None));
            };
            return of_agent(&id, &agent);
        }
        let human = principal(uid).filter(|id| vocabulary::human(id) == *uid);
        let human = human.and_then(|id| Some((self.humans.get(&id)?, id)));
        let entity = human.map(|(human, id)| human.entity(&id)).transpose()?;
        Ok((entity.map(inner), None))
    }
}

/// An agent, and its owner.
fn of_agent(id: &PrincipalId, agent: &AgentEntity) -> Result<Reached, String> {
    let owner = match &agent.owned_by {
        Some(Owner::Human(id)) => Some(vocabulary::human(id)),
        Some(Owner::Team(_)) | None => None,
    };
    Ok((Some(inner(agent.entity(id)?)), owner))
}

const BUSY: &str = "somebody else is being made";
/// Agent, owner, delegator and approver, of two requests.
const MOST_MADE: usize = 8;

type Reached = (Option<Arc<ast::Entity>>, Option<EntityUid>);

fn inner(entity: cedar_policy::Entity) -> Arc<ast::Entity> {
    let inner: &ast::Entity = entity.as_ref();
    Arc::new(inner.clone())
}

fn principal(uid: &EntityUid) -> Option<PrincipalId> {
    PrincipalId::parse(uid.id().unescaped()).ok()
}
