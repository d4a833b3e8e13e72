//! A bundle as its author sees it: everything that is wrong with it, before any gateway has it.

mod revocations;

use super::fields::{Node, Problems as Collected};
use super::law::{self, Law, Term};
use super::{Problems, bundle, groups::groups, surface};
use crate::bundle::{BUNDLE, CONTENTS_LIMITS, Signers, open};
use crate::json::{self, Value};
use crate::model::Timestamp;
use crate::model::sorted;
use crate::policy::{Definition, Policy, PolicyFile, Problem};
use crate::protocol::Surface;
use crate::registry::Registry;

pub use revocations::{PublishedRevocations, check_revocations};

/// Holds the contents of a bundle that is not signed yet against every rule, and returns what its
/// author should know although it is no error.
///
/// # Errors
/// Everything that is wrong with it, each with its path or position.
pub fn check_bundle(contents: &[u8]) -> Result<Vec<String>, Problems> {
    let contents = json::read(contents, &CONTENTS_LIMITS)
        .map_err(|malformed| whole("contents", &malformed.to_string()))?;
    let (mut definition, mut problems) = (Definition::default(), Collected::default());
    let law = Node::root(&contents).members(&mut problems).and_then(|mut members| {
        for name in bundle::HEAD {
            members.maybe(name);
        }
        let law = law::sections(&mut members, None, &mut definition, &mut problems);
        members.close(&mut problems);
        law
    });
    let policy = loaded(law.as_ref(), &mut definition, problems)?;
    Ok(policy.warnings().to_vec())
}

/// A bundle with a good signature, checked as a gateway checks it.
pub struct PublishedBundle {
    revision: u64,
    term: Term,
    registry: Registry,
    warnings: Vec<String>,
}

impl PublishedBundle {
    /// Opens a bundle with a JWK Set of those who may sign.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(text: &[u8], jwks: &[u8]) -> Result<Self, Problems> {
        let opened = open(text, BUNDLE, &signers(jwks)?);
        let opened = opened.map_err(|e| whole("bundle", &e.to_string()))?;
        Self::read(&opened.contents)
    }

    fn read(contents: &Value) -> Result<Self, Problems> {
        let (mut definition, mut problems) = (Definition::default(), Collected::default());
        let law = law::signed(&Node::root(contents), None, &mut definition, &mut problems);
        let policy = loaded(law.as_ref(), &mut definition, problems)?;
        let law = law.ok_or_else(|| whole("bundle", "is incomplete"))?;
        let term = law.term.ok_or_else(|| whole("bundle", "is incomplete"))?;
        let law::Law { registered, revision, .. } = law;
        let groups = groups(&definition);
        let registry =
            Registry::new(registered.agents, registered.people, groups, registered.grants);
        Ok(Self { revision, term, registry, warnings: policy.warnings().to_vec() })
    }

    /// Its number.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// When it was made.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.term.issued_at
    }

    /// From when on it is none.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.term.expires
    }

    /// What its author should know although it is no error.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether a gateway that has the one before would take this one.
    ///
    /// # Errors
    /// Why not.
    pub fn follows(&self, before: &Self) -> Result<(), String> {
        if self.revision <= before.revision {
            let (this, that) = (self.revision, before.revision);
            return Err(format!("revision {this} does not follow revision {that}"));
        }
        match before.registry.revived(&self.registry) {
            Some(id) => Err(format!("{id} is retired; a retired id stays listed as retired")),
            None => Ok(()),
        }
    }
}

/// The policies, with every problem there is: policies are looked at even after one elsewhere.
fn loaded(
    law: Option<&Law<'_>>,
    definition: &mut Definition,
    mut problems: Collected,
) -> Result<Policy, Problems> {
    let Some(law) = law else { return Err(Problems(problems.0)) };
    let routes = &law.routes;
    let routes = routes.iter().filter_map(|n| surface::route(n, definition, &mut problems));
    // The servers are each gateway's own, so whether a route fits the path of one shows only there.
    if let Err(wrong) = Surface::new(Vec::new(), Vec::new(), routes.collect()) {
        wrong.into_iter().for_each(|problem| problems.add(problem.path, problem.message));
    }
    complete(definition, (&law.files, law.revision), problems)
}

/// The policies, unless something is wrong with them or was wrong before: then all of that.
pub(super) fn complete(
    definition: &Definition,
    (files, revision): (&[PolicyFile], u64),
    mut problems: Collected,
) -> Result<Policy, Problems> {
    match Policy::load(definition, files, revision) {
        Ok(policy) if problems.0.is_empty() => Ok(policy),
        Ok(_) => Err(Problems(problems.0)),
        Err(more) => {
            also(&mut problems, more);
            Err(Problems(problems.0))
        }
    }
}

/// What is wrong with the policies besides. Whatever is wrong with a tool is told once.
pub(super) fn also(problems: &mut Collected, more: Vec<Problem>) {
    let told = sorted::set(problems.0.iter().map(|p| p.path.clone()));
    problems.0.extend(more.into_iter().filter(|p| !told.contains(&p.path)));
}

fn signers(jwks: &[u8]) -> Result<Signers, Problems> {
    let keys = json::read(jwks, &CONTENTS_LIMITS).map_err(|e| whole("keys", &e.to_string()))?;
    Signers::read(&keys).map_err(|e| whole("keys", &e.to_string()))
}

fn whole(path: &str, message: &str) -> Problems {
    Problems(vec![Problem::at(path.to_owned(), message)])
}
