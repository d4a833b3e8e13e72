//! What is in force at this moment, for answers that are still on their way when it changes: a stream
//! may be open for hours, and who opened it may be revoked meanwhile.

use std::cell::RefCell;
use std::rc::Rc;

use super::revoked::{unrevoked, unstruck};
use crate::authority::Caller;
use crate::config::Configuration;
use crate::decision::Reason;
use crate::directory::Directory;
use crate::model::Timestamp;
use crate::recall::Cutoffs;
use crate::registry::Revocations;
use crate::response::InForce;

/// One for an engine, shared with every response that it filters.
pub(super) struct Present {
    held: RefCell<Held>,
    directory: Option<Rc<Directory>>,
}

struct Held {
    configuration: Rc<Configuration>,
    feed: Option<Rc<Revocations>>,
    cutoffs: Option<Rc<Cutoffs>>,
}

impl Present {
    pub(super) fn new(
        configuration: Rc<Configuration>,
        directory: Option<Rc<Directory>>,
    ) -> Rc<Self> {
        let held = RefCell::new(Held { configuration, feed: None, cutoffs: None });
        Rc::new(Self { held, directory })
    }

    pub(super) fn renew(
        &self,
        configuration: &Rc<Configuration>,
        feed: Option<Rc<Revocations>>,
        cutoffs: Option<Rc<Cutoffs>>,
    ) {
        let configuration = Rc::clone(configuration);
        // Nobody looks while the engine learns: both take turns on one thread.
        if let Ok(mut held) = self.held.try_borrow_mut() {
            *held = Held { configuration, feed, cutoffs };
        }
    }
}

impl InForce for Present {
    fn admits(&self, caller: &Caller, now: Timestamp) -> Result<(), Reason> {
        let held = self.held.try_borrow().map_err(|_| Reason::EngineFault)?;
        let Held { configuration, feed, cutoffs } = &*held;
        let id = &caller.verified.actor.agent;
        // Nobody is asked for it: it counts as it was said last, or as it was when its request was decided.
        let wider = caller.looked_up().and_then(|found| {
            let last = self.directory.as_ref().and_then(|directory| directory.last(id));
            let agent = last.unwrap_or_else(|| Some(Rc::clone(&found.agent)))?;
            Some(configuration.registry.with(id.clone(), agent))
        });
        let registry = wider.as_ref().unwrap_or(&configuration.registry);
        unrevoked(feed.as_deref(), (configuration, registry), &caller.verified)?;
        if let Some(cutoffs) = cutoffs {
            unstruck(cutoffs, registry, &caller.verified, now)?;
        }
        registry.admit(&caller.verified.actor, now).map(|_| ())
    }
}
