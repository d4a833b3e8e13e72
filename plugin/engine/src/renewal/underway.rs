//! A bundle that has come and is not in force yet.
//!
//! Its holder works on it when there is time. Until it is done nothing of it counts, and requests are decided
//! by what was in force before.

use crate::bundle::{BUNDLE, Fresh, Name, Opening};
use crate::config::{Blueprint, Configuration, Loading, Step};

/// A bundle and how far it has been taken in.
pub(super) struct Underway {
    name: Name,
    work: Work,
}

enum Work {
    /// Its signature is being checked.
    Opening(Box<Opening>),
    /// It is being read.
    Loading(Box<Loading>),
    Over,
}

/// What came of it.
pub(super) enum Came {
    More,
    /// It is the one in force, of that digest.
    Same(String),
    /// The configuration with it, and its digest.
    Next(Box<Configuration>, String),
}

impl Underway {
    pub(super) fn begin(fresh: Fresh, blueprint: &Blueprint) -> Result<Self, String> {
        let Fresh { body, name } = fresh;
        let opening = Opening::new(body, BUNDLE, &blueprint.signers);
        let opening = Box::new(opening.map_err(|e| e.to_string())?);
        Ok(Self { name, work: Work::Opening(opening) })
    }

    /// Does some of the work. `current`: what is in force.
    pub(super) fn work(
        &mut self,
        blueprint: &Blueprint,
        current: &Configuration,
    ) -> Result<Came, String> {
        match std::mem::replace(&mut self.work, Work::Over) {
            Work::Opening(mut opening) => {
                if opening.step().map_err(|e| e.to_string())? {
                    let opened = opening.contents();
                    if current.bundle.as_ref() == Some(&opened.1) {
                        return Ok(Came::Same(opened.1));
                    }
                    self.work = Work::Loading(Box::new(Loading::new(blueprint, opened)));
                    return Ok(Came::More);
                }
                self.work = Work::Opening(opening);
                Ok(Came::More)
            }
            Work::Loading(mut loading) => {
                let mut left = Some(ENOUGH);
                while let Some(budget) = left {
                    match loading.step(current)? {
                        Step::Done(next) => {
                            return Ok(Came::Next(next, loading.digest().to_owned()));
                        }
                        Step::More(cost) => left = budget.checked_sub(cost),
                    }
                }
                self.work = Work::Loading(loading);
                Ok(Came::More)
            }
            Work::Over => Err("was lost".to_owned()),
        }
    }

    pub(super) fn into_name(self) -> Name {
        self.name
    }
}

/// Microseconds in WebAssembly, roughly: as long as a request takes, or a twentieth of what a host may be kept
/// waiting, as machines differ.
const ENOUGH: u32 = 500;
