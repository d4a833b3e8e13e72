//! The agent of a request, where the registry does not list it and there is a directory to look it up in.
//!
//! Asked last of what says whether anything counts that the request presents: nobody is looked up who has not
//! proven who it is, or is revoked. An agent that the registry lists is never looked up.

use std::rc::Rc;

use super::{Case, Engine, Next, deny};
use crate::credential::Verified;
use crate::decision::Reason;
use crate::model::Timestamp;
use crate::registry::Registry;

impl Case {
    /// The registry with the agent in it; none, if there is nothing to add.
    pub(super) fn look_up(
        &mut self,
        engine: &Engine,
        verified: &Verified,
        now: Timestamp,
    ) -> Result<Option<Registry>, Next> {
        let Some(directory) = &engine.directory else { return Ok(None) };
        let (id, configuration) = (&verified.actor.agent, &self.configuration);
        self.found = None;
        if configuration.registry.find(id).is_some() {
            return Ok(None);
        }
        match directory.find(id, configuration, now) {
            Ok(found) => {
                self.found = found;
                let agent = self.found.as_ref().map(|found| Rc::clone(&found.agent));
                Ok(agent.map(|agent| configuration.registry.with(id.clone(), agent)))
            }
            Err(Some(lookup)) => Err(Next::Fetch(lookup)),
            Err(None) => Err(deny(Reason::DirectoryUnavailable)),
        }
    }
}
