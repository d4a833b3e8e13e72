//! Something that is signed and is no credential, such as an approval: read as strictly as one, held to the
//! same terms, and worth nothing as a proof of who sends a request.
//!
//! Not here: what it says.

use std::rc::Rc;

use super::claims;
use super::jws::Jws;
use super::signed::signed;
use super::terms::{Form, Limits, Terms};
use super::{Asking, Rules, Unverified};
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::{IssuerId, Timestamp};
use crate::trust::{Algorithms, Key, Trust};

/// What it is held to.
pub(crate) struct StatementRules<'a> {
    /// Its `typ`, and no other.
    pub(crate) typ: &'static str,
    /// Whose keys sign it; never an issuer of access tokens.
    pub(crate) source: &'a IssuerId,
    pub(crate) algorithms: &'a Algorithms,
    pub(crate) limits: Limits,
    /// Whom it is for.
    pub(crate) audience: &'a str,
}

/// A statement whose signature and terms hold.
pub(crate) struct Statement {
    claims: Object,
    expires: Timestamp,
    key: Rc<Key>,
}

impl Statement {
    pub(crate) fn verify(
        text: &str,
        rules: &StatementRules<'_>,
        trust: &mut Trust,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        let jws = Jws::parse(text)?;
        if !jws.is_of_type(rules.typ) {
            return Err(Reason::TokenWrongType.into());
        }
        let (audiences, nothing) = ([rules.audience], Rules::default());
        let mut asking = Asking { trust, rules: &nothing, audiences: &audiences, now };
        let (key, _) = signed(&jws, rules.source, rules.algorithms, &mut asking)?;
        let terms = Terms::read(&jws.claims, Form::Issued, rules.limits)?;
        terms.hold(&audiences, now)?;
        let expires = terms.expires();
        Ok(Self { claims: jws.claims, expires, key })
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A name that others made up, as credentials may have them.
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        claims::identifier(&self.claims, name).ok()
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.claims.get(name)?.as_integer()
    }

    pub(crate) fn object(&self, name: &str) -> Option<&Object> {
        self.claims.get(name).and_then(Value::as_object)
    }

    /// `iat`.
    pub(crate) fn issued(&self) -> Option<Timestamp> {
        claims::timestamp(&self.claims, "iat").ok()?
    }

    /// From here on it is refused for its age.
    pub(crate) fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The thumbprint of the key that signed it.
    pub(crate) fn key(&self) -> &str {
        self.key.thumbprint()
    }
}
