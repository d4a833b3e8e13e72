//! Evaluates the policies of a slice: Cedar's evaluator on every condition, Cedar's rule over what comes
//! of them.
//!
//! The scopes of a slice's policies hold, so only their conditions are left to evaluate; a policy without
//! any applies as it is. Cedar's own authorizer would build each policy's whole expression anew for each
//! request, and evaluate its scope again. That both say the same is what `whole` and the tests of
//! `slices` hold (docs/decisions/0005-policies-in-slices.md).

use std::ops::Deref;
use std::rc::Rc;

use cedar_policy::{Effect, Entities, EntityUid, EvaluationError, Policy};
use cedar_policy_core::ast::{self, EntityUIDEntry, Expr, ExprKind, Literal, SlotEnv};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use super::facts::Context;
use super::lift::{self, Lift};
use super::misuse;
use super::reads::Reads;

/// What a policy says once its scope holds.
#[derive(Clone, PartialEq)]
pub(super) struct Clause {
    pub(super) id: String,
    /// Shared by those that differ in nothing but their names and scopes.
    said: Rc<Said>,
}

/// What it says, whatever its name.
#[derive(PartialEq)]
pub(super) struct Said {
    effect: Effect,
    /// What may lift it, of a forbid.
    pub(super) lift: Option<Lift>,
    /// It is tied to something that has to be done along with it.
    pub(super) obliges: bool,
    /// What it reads of the context.
    pub(super) reads: Reads,
    /// The risk that it tells of when it refuses.
    pub(super) signal: Option<&'static str>,
    /// Whether it looks at which action or resource it is asked about, besides its scope.
    pub(super) reads_target: bool,
    /// None: it always applies.
    condition: Option<Expr>,
    /// The entities that its condition names.
    pub(super) names: Box<[EntityUid]>,
}

impl Deref for Clause {
    type Target = Said;

    fn deref(&self) -> &Said {
        &self.said
    }
}

/// What came of the policies of a slice, each in the order of their ids.
#[derive(Default)]
pub(super) struct Evaluation<'p> {
    pub(super) permits: Vec<&'p Clause>,
    pub(super) forbids: Vec<&'p Clause>,
    /// Neither: Cedar skips them (threats F5), we don't.
    pub(super) errors: Vec<(&'p Clause, Box<EvaluationError>)>,
}

/// Principal, action and resource of an evaluation.
pub(super) type Uids<'a> = [&'a EntityUid; 3];

impl Clause {
    pub(super) fn of(policy: &Policy) -> Self {
        let inner: &ast::Policy = policy.as_ref();
        // As it was named when it was loaded; what has no name has a number.
        let id: &str = lift::annotation(policy, "id").unwrap_or_else(|| policy.id().as_ref());
        let condition = inner.non_scope_constraints();
        let said = Said {
            names: condition.into_iter().flat_map(named).collect(),
            effect: policy.effect(),
            lift: Lift::of(policy),
            obliges: lift::obliges(policy),
            reads: Reads::of(policy),
            signal: lift::signal(policy),
            reads_target: misuse::reads_target(policy),
            // As Cedar itself has it: the operator says what happens if it is no boolean.
            condition: condition.map(|condition| Expr::and(Expr::val(true), condition.clone())),
        };
        Self { id: id.to_owned(), said: Rc::new(said) }
    }

    /// The same of a policy with another name.
    pub(super) fn renamed(&self, id: &str) -> Self {
        Self { id: id.to_owned(), said: Rc::clone(&self.said) }
    }

    pub(super) fn permits(&self) -> bool {
        self.effect == Effect::Permit
    }

    fn applies(&self, evaluator: &Evaluator<'_>) -> Result<bool, Box<EvaluationError>> {
        match &self.condition {
            None => Ok(true),
            // There are no templates, so no slots.
            Some(condition) => {
                let value = evaluator.interpret(condition, &SlotEnv::new())?;
                // It is one of the two; if it were neither, a forbid would hold and a permit would not.
                Ok(if self.permits() { value == true.into() } else { value != false.into() })
            }
        }
    }
}

fn named(condition: &Expr) -> impl Iterator<Item = EntityUid> + '_ {
    condition.subexpressions().filter_map(|part| match part.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(uid)) => Some((**uid).clone().into()),
        _ => None,
    })
}

impl<'p> Evaluation<'p> {
    /// Evaluates policies whose scopes hold for those three.
    pub(super) fn of(
        clauses: impl Iterator<Item = &'p Clause>,
        [principal, action, resource]: Uids<'_>,
        context: &Context,
        entities: &Entities,
    ) -> Self {
        let known = |uid: &EntityUid| EntityUIDEntry::known(uid.as_ref().clone(), None);
        let (principal, action, resource) = (known(principal), known(action), known(resource));
        let context = Some(context.clone());
        let request = ast::Request::new_unchecked(principal, action, resource, context);
        let evaluator = Evaluator::new(request, entities.as_ref(), Extensions::all_available());
        let mut all = Self::default();
        for clause in clauses {
            match clause.applies(&evaluator) {
                Ok(true) if clause.permits() => all.permits.push(clause),
                Ok(true) => all.forbids.push(clause),
                Ok(false) => {}
                Err(error) => all.errors.push((clause, error)),
            }
        }
        all
    }

    /// Cedar's rule: any forbid that applies wins, then any permit; otherwise no.
    pub(super) fn allows(&self) -> bool {
        self.forbids.is_empty() && !self.permits.is_empty()
    }

    /// The policies that decided: Cedar's `determining policies`.
    pub(super) fn reasons(&self) -> &[&'p Clause] {
        if self.forbids.is_empty() { &self.permits } else { &self.forbids }
    }
}
