//! A list of revocations as its author sees it: everything that is wrong with it, before any gateway
//! has it.

use super::super::fields::{Node, Problems as Collected};
use super::super::law::{self, Term};
use super::super::{Problems, bundle::FEED_BYTES, revocations};
use super::{signers, whole};
use crate::bundle::{CONTENTS_LIMITS, REVOCATIONS, open};
use crate::json;
use crate::model::Timestamp;

/// Holds what is to be revoked, the section `revocations` of a bundle, against every rule.
///
/// # Errors
/// Everything that is wrong with it, each with its path.
pub fn check_revocations(list: &[u8]) -> Result<(), Problems> {
    let list = json::read(list, &CONTENTS_LIMITS)
        .map_err(|malformed| whole("revocations", &malformed.to_string()))?;
    let mut problems = Collected::default();
    revocations::list(&Node::named(&list, "revocations"), &mut problems);
    if problems.0.is_empty() { Ok(()) } else { Err(Problems(problems.0)) }
}

/// A list of revocations with a good signature, checked as a gateway checks it.
pub struct PublishedRevocations {
    revision: u64,
    term: Term,
}

impl PublishedRevocations {
    /// The longest document that a gateway takes from a feed.
    pub const MAX_BYTES: usize = FEED_BYTES;

    /// Opens a list with a JWK Set of those who may sign.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(text: &[u8], jwks: &[u8]) -> Result<Self, Problems> {
        if text.len() > FEED_BYTES {
            let message = format!("is longer than {FEED_BYTES} bytes, the most a gateway takes");
            return Err(whole("revocations", &message));
        }
        let opened = open(text, REVOCATIONS, &signers(jwks)?)
            .map_err(|e| whole("revocations", &e.to_string()))?;
        let law::Feed { revision, term, .. } = law::read_feed(&opened)?;
        Ok(Self { revision, term })
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
}
