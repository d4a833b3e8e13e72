//! What a document must not fall behind: the newest that this worker, or any other, has taken.
//!
//! Who can replay a signed document must not be able to undo what came after it: not after a restart of
//! the VM, and not on the worker that happens to ask last (threats Y1).

use std::cmp::Ordering;

use crate::fetch::Fetch;
use crate::recall::{Joined, Newest, name_of};

/// The lowest that is taken of one source.
pub(super) struct Floor {
    /// Where the host's store keeps it: one name for each place that documents come from.
    name: String,
    /// From the configuration.
    lowest: u64,
    newest: Option<Newest>,
}

impl Floor {
    pub(super) fn of(source: &Fetch, lowest: u64) -> Self {
        let endpoint = source.endpoint();
        let place =
            [&source.document().name(), &endpoint.cluster, &endpoint.authority, &endpoint.path];
        let parts = place.map(|part| part.as_bytes());
        Self { name: name_of("newest", &parts), lowest, newest: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this document may be taken.
    pub(super) fn admits(&self, document: &Newest) -> Result<(), String> {
        let revision = document.revision;
        if revision < self.lowest {
            return Err(format!(
                "revision {revision} is older than lowest_revision, {}",
                self.lowest
            ));
        }
        let Some(newest) = &self.newest else { return Ok(()) };
        match revision.cmp(&newest.revision) {
            Ordering::Less => Err(format!(
                "revision {revision} is older than revision {}, which was taken before",
                newest.revision
            )),
            Ordering::Equal if document.digest != newest.digest => {
                Err(format!("revision {revision} is another document than the one taken before"))
            }
            _ => Ok(()),
        }
    }

    /// From now on nothing older is taken.
    pub(super) fn raise(&mut self, to: Newest) {
        if self.newest.as_ref().is_none_or(|newest| *newest < to) {
            self.newest = Some(to);
        }
    }

    /// Whether what is held has been replaced somewhere else.
    pub(super) fn is_above(&self, held: Option<&Newest>) -> bool {
        held.is_some_and(|held| self.newest.as_ref().is_some_and(|newest| held < newest))
    }

    /// Joins what the store has with what is known here.
    pub(super) fn join(&mut self, held: Option<&[u8]>) -> Joined {
        let known = held.map_or(Ok(None), Newest::decode);
        let foreign = known.is_err();
        let known = known.unwrap_or_default();
        if let Some(known) = &known {
            self.raise(known.clone());
        }
        // What is foreign is replaced even by nothing, so that it is said once.
        let write = foreign || self.newest != known;
        Joined { write: write.then(|| Newest::encode(self.newest.as_ref())), foreign }
    }
}
