//! What of a permitted request is not as the client sent it, besides its headers: the body, and ids that were
//! sealed.

use super::Case;
use crate::credential::Verified;
use crate::decision::Reason;
use crate::protocol::{self, Exchange, Place, Sessions};

impl Case {
    /// The body without what the client has answered to us, if it has: the upstream did not ask. Or with
    /// the upstream's own ids.
    pub(super) fn rewritten(&self, exchange: Option<&Exchange>) -> Result<Option<Vec<u8>>, Reason> {
        if let Some(onward) = exchange.and_then(|exchange| exchange.a2a.as_deref()) {
            return Ok(onward.body.clone());
        }
        match (exchange, &self.body) {
            (Some(exchange), Some(body)) if exchange.answers_us => {
                let body = protocol::without_answers(body).ok_or(Reason::EngineFault)?;
                Ok(Some(body.into_bytes()))
            }
            _ => Ok(None),
        }
    }

    /// What becomes of the session that the head names, and what the answer's will be sealed with.
    pub(super) fn sessions(
        &self,
        place: &Place<'_>,
        verified: &Verified,
        exchange: Option<&Exchange>,
    ) -> Result<(protocol::Opened, Option<Sessions>), Reason> {
        match (exchange, place.mcp()) {
            (Some(exchange), Some(endpoint)) if exchange.legacy => {
                let sealer = &self.configuration.sealer;
                let mut sessions = sealer.of(endpoint.server(), &verified.actor);
                let opened = sessions.open(&self.head, exchange.in_session)?;
                if exchange.declares_pages {
                    sessions.show_pages();
                }
                Ok((opened, Some(sessions)))
            }
            (Some(_), Some(_)) => Ok((Sessions::none(&self.head), None)),
            (Some(_), None) => {
                let sealed = place.a2a().filter(|endpoint| !endpoint.has_open_tasks());
                let sealer = &self.configuration.sealer;
                let ids = sealed.map(|e| sealer.of(e.server(), &verified.actor));
                Ok((Sessions::none(&self.head), ids))
            }
            _ => Ok((Vec::new(), None)),
        }
    }
}
