//! What is in force at this moment, for answers that are still on their way when it changes: a stream
//! may be open for hours, and who opened it may be revoked meanwhile.

use std::cell::RefCell;
use std::rc::Rc;

use super::revoked::{unrevoked, unstruck};
use crate::authority::Caller;
use crate::config::Configuration;
use crate::decision::Reason;
use crate::model::Timestamp;
use crate::recall::Cutoffs;
use crate::registry::Revocations;
use crate::response::InForce;

/// One for an engine, shared with every response that it filters.
pub(super) struct Present(RefCell<Held>);

struct Held {
    configuration: Rc<Configuration>,
    feed: Option<Rc<Revocations>>,
    cutoffs: Option<Rc<Cutoffs>>,
}

impl Present {
    pub(super) fn new(configuration: Rc<Configuration>) -> Rc<Self> {
        Rc::new(Self(RefCell::new(Held { configuration, feed: None, cutoffs: None })))
    }

    pub(super) fn renew(
        &self,
        configuration: &Rc<Configuration>,
        feed: Option<Rc<Revocations>>,
        cutoffs: Option<Rc<Cutoffs>>,
    ) {
        let configuration = Rc::clone(configuration);
        // Nobody looks while the engine learns: both take turns on one thread.
        if let Ok(mut held) = self.0.try_borrow_mut() {
            *held = Held { configuration, feed, cutoffs };
        }
    }
}

impl InForce for Present {
    fn admits(&self, caller: &Caller, now: Timestamp) -> Result<(), Reason> {
        let held = self.0.try_borrow().map_err(|_| Reason::EngineFault)?;
        let Held { configuration, feed, cutoffs } = &*held;
        unrevoked(feed.as_deref(), configuration, &caller.verified)?;
        if let Some(cutoffs) = cutoffs {
            unstruck(cutoffs, configuration, &caller.verified, now)?;
        }
        configuration.registry.admit(&caller.verified.actor, now).map(|_| ())
    }
}
