//! Expressions that Cedar takes and that decisions, lists or the one who pays for them could not be true
//! to.
//!
//! `context` stands only left of `.` or `has`, so that what is read of it is known; `context.input` is
//! never tested for (the action says whether it is there, and a list is asked without it); a permit does
//! not see earlier actors (RFC 8693 §4.1), not even as part of the whole delegation.

use cedar_policy::{Effect, Policy};
use cedar_policy_core::ast::{self, Expr, ExprKind, PatternElem, Var};

/// What is wrong with a policy's conditions, each once.
pub(super) fn of(policy: &Policy) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (mut named, mut reached_into) = (0_usize, 0_usize);
    for expression in expressions(policy) {
        named = named.saturating_add(is_context(expression).into());
        let Some(left) = reached(expression) else { continue };
        reached_into = reached_into.saturating_add(is_context(left).into());
        found.extend(misread(policy.effect(), expression));
    }
    if policy.effect() == Effect::Permit && has_whole_delegation(policy) {
        found.push(EARLIER_ACTORS);
    }
    if named > reached_into {
        found.push("`context` can't be used whole; name the attribute that is meant");
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a pattern with several wildcards is matched against `context.input`.
pub(super) fn has_costly_pattern(policy: &Policy) -> bool {
    expressions(policy).any(|expression| match expression.expr_kind() {
        ExprKind::Like { expr, pattern } => {
            let wildcards = pattern.iter().filter(|part| matches!(part, PatternElem::Wildcard));
            wildcards.count() > 1 && matches!(path_of(expr).as_slice(), ["input", _, ..])
        }
        _ => false,
    })
}

/// Whether a policy looks at `context.approval`.
pub(super) fn reads_approval(policy: &Policy) -> bool {
    expressions(policy).any(|expression| path_of(expression).first() == Some(&"approval"))
}

/// Whether a condition names `action` or `resource`.
pub(super) fn reads_target(policy: &Policy) -> bool {
    expressions(policy).any(|expression| {
        matches!(expression.expr_kind(), ExprKind::Var(Var::Action | Var::Resource))
    })
}

/// What a policy looks at of the context: each path as far as it goes, and whether it is only tested for.
pub(super) fn members_read(policy: &Policy) -> Vec<(Vec<&str>, bool)> {
    let mut read = Vec::new();
    // A whole comes before its parts.
    let mut lefts: Vec<&Expr> = Vec::new();
    for expression in expressions(policy) {
        let known = lefts.len();
        lefts.retain(|left| !std::ptr::eq(*left, expression));
        let goes_on = lefts.len() < known;
        lefts.extend(reached(expression));
        let path = path_of(expression);
        if !goes_on && !path.is_empty() {
            let value = matches!(expression.expr_kind(), ExprKind::GetAttr { .. });
            read.push((path, !value));
        }
    }
    read
}

/// Every expression of its conditions. A scope has none of these.
fn expressions(policy: &Policy) -> impl Iterator<Item = &Expr> {
    let inner: &ast::Policy = policy.as_ref();
    inner.non_scope_constraints().into_iter().flat_map(Expr::subexpressions)
}

/// What is wrong with one access, if anything.
fn misread(effect: Effect, access: &Expr) -> Option<&'static str> {
    let path = path_of(access);
    let asks = match access.expr_kind() {
        ExprKind::HasAttr { .. } => path.len() == 1,
        // `context has input.amount` asks for both.
        ExprKind::ExtHasAttr { attrs, .. } => path.len() == attrs.len(),
        _ => false,
    };
    match path.as_slice() {
        ["input", ..] if asks => {
            Some("`context has input` is known from the action; test `context.input has …`")
        }
        ["delegation", "prior", ..] if effect == Effect::Permit => Some(EARLIER_ACTORS),
        _ => None,
    }
}

/// Whether `context.delegation` stands somewhere as a value, with all that is in it.
fn has_whole_delegation(policy: &Policy) -> bool {
    members_read(policy).iter().any(|(path, tested)| path == &["delegation"] && !tested)
}

/// `context.a.b` as `a` and `b`; nothing if it is not the context that is reached into.
fn path_of(access: &Expr) -> Vec<&str> {
    let mut path: Vec<&str> = Vec::new();
    let mut at = access;
    while let Some(left) = reached(at) {
        match at.expr_kind() {
            ExprKind::GetAttr { attr, .. } | ExprKind::HasAttr { attr, .. } => path.push(attr),
            // From its end, as the whole is turned round below.
            ExprKind::ExtHasAttr { attrs, .. } => {
                let attrs: Vec<_> = attrs.iter().map(|attr| attr.as_str()).collect();
                path.extend(attrs.into_iter().rev());
            }
            _ => {}
        }
        at = left;
    }
    if !is_context(at) {
        return Vec::new();
    }
    path.reverse();
    path
}

/// What `a.b` and `a has b` reach into.
fn reached(expression: &Expr) -> Option<&Expr> {
    match expression.expr_kind() {
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. } => Some(expr),
        _ => None,
    }
}

const EARLIER_ACTORS: &str = "a permit may not depend on earlier actors (RFC 8693 §4.1)";

fn is_context(expression: &Expr) -> bool {
    matches!(expression.expr_kind(), ExprKind::Var(Var::Context))
}
