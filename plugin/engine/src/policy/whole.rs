//! Builds with debug assertions hold every request against the whole schema, and every answer
//! against what Cedar's authorizer says of all policies at once, with all facts: leaving policies, scopes
//! and facts out, and checking only the input and that by ourselves, must not change an answer. So each test and each case that runs natively
//! is one of this.
//!
//! Not in a release: there, this is nothing.

use cedar_policy::{
    Authorizer, Context, Entities, EntityUid, PolicySet, Request, Response, Schema,
};
use cedar_policy_core::ast::Value;

use super::evaluation::{Evaluation, Uids};
use super::reach::LookedUp;
use super::{facts, load};
use crate::decision::Reason;

/// The whole schema, all policies and all entities, where they are compared with.
pub(super) struct Whole(Option<Box<(Schema, PolicySet, Entities)>>);

impl Whole {
    /// `everything` is asked for only where it is compared with.
    pub(super) fn new(
        schema: &Schema,
        all: PolicySet,
        everything: impl FnOnce() -> Result<Entities, Reason>,
    ) -> Self {
        if !cfg!(debug_assertions) {
            return Self(None);
        }
        let Ok(entities) = everything() else { return Self(None) };
        let conform = Entities::from_entities(entities.iter().cloned(), Some(schema));
        assert!(conform.is_ok(), "{conform:?}");
        Self(Some(Box::new((schema.clone(), all, entities))))
    }

    /// Panics if Cedar, of the same input, says otherwise than that it fits or does not.
    pub(super) fn agrees_on(
        &self,
        action: &EntityUid,
        members: Option<&facts::Members>,
        input: &Value,
        fits: bool,
    ) {
        if !cfg!(debug_assertions) {
            return;
        }
        let (Some((schema, _, _)), Some(members)) = (self.0.as_deref(), members) else { return };
        let members = members.iter().cloned().chain([("input", input.clone())]);
        let validated = Context::from(facts::context(members)).validate(schema, action);
        assert_eq!(validated.is_ok(), fits, "{validated:?}");
    }

    /// Panics if it does not.
    pub(super) fn agrees(
        &self,
        uids: Uids<'_>,
        (context, also): (Option<&facts::Context>, Option<&LookedUp>),
        evaluation: &Evaluation<'_>,
    ) {
        if !cfg!(debug_assertions) {
            return;
        }
        let (Some((schema, all, entities)), Some(context)) = (self.0.as_deref(), context) else {
            return;
        };
        let request = |schema| {
            let [principal, action, resource] = uids.map(Clone::clone);
            let context = Context::from(context.clone());
            Request::new(principal, action, resource, context, schema).map_err(|e| e.to_string())
        };
        let whole = request(Some(schema));
        assert!(whole.is_ok(), "{whole:?}");
        let Ok(request) = request(None) else { return };
        let with = also.map(|agent| -> Result<Entities, String> {
            let agent = agent.entity()?;
            entities.clone().add_entities([agent], Some(schema)).map_err(|e| e.to_string())
        });
        assert!(!matches!(with, Some(Err(_))), "{with:?}");
        let entities = with.as_ref().and_then(|with| with.as_ref().ok()).unwrap_or(entities);
        let all = Authorizer::new().is_authorized(&request, all, entities);
        assert_eq!(of_cedar(&all), of_ours(evaluation), "{request}");
    }
}

/// Everything that is said: the decision, the policies that made it, and those that failed and how.
type Said = (bool, Vec<String>, Vec<(String, String)>);

pub(super) fn of_cedar(response: &Response) -> Said {
    let allows = response.decision() == cedar_policy::Decision::Allow;
    let text = |id: &cedar_policy::PolicyId| -> String { AsRef::<str>::as_ref(id).to_owned() };
    let mut reasons: Vec<_> = response.diagnostics().reason().map(text).collect();
    reasons.sort_unstable();
    let errors = response.diagnostics().errors();
    let mut errors: Vec<_> = errors
        .map(|error| (text(load::policy_of(error)), load::cause_of(error).to_string()))
        .collect();
    errors.sort_unstable();
    (allows, reasons, errors)
}

pub(super) fn of_ours(evaluation: &Evaluation<'_>) -> Said {
    let mut reasons: Vec<_> = evaluation.reasons().iter().map(|clause| clause.id.clone()).collect();
    reasons.sort_unstable();
    let errors = evaluation.errors.iter();
    let mut errors: Vec<_> =
        errors.map(|(clause, error)| (clause.id.clone(), error.to_string())).collect();
    errors.sort_unstable();
    (evaluation.allows(), reasons, errors)
}
