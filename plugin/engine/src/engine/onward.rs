//! What of a permitted request is not as the client sent it, besides its headers: the body, and ids that were
//! sealed.

use std::rc::Rc;

use super::next::Onward;
use super::{Case, Next, deny};
use crate::authority::Caller;
use crate::credential::Verified;
use crate::decision::{Permit, Reason};
use crate::protocol::{self, Exchange, Opened, Place, Sessions};
use crate::response::{ResponseFilter, Upstream};

impl Case {
    /// What becomes of a permitted request.
    pub(super) fn onward(
        &self,
        permit: Permit,
        (place, caller): (&Place<'_>, &Rc<Caller>),
        exchange: Option<Exchange>,
        (opened, sessions): (Opened, Option<Sessions>),
    ) -> Next {
        let onward = exchange.as_ref().and_then(|exchange| exchange.a2a.as_deref());
        let path = onward.and_then(|onward| onward.path.clone());
        let body = match self.rewritten(exchange.as_ref()) {
            Ok(body) => body,
            Err(reason) => return deny(reason),
        };
        let response = exchange.and_then(|exchange| {
            let (catalogue, names_skills) = match (place.mcp(), place.a2a()) {
                (Some(endpoint), _) => (endpoint.catalogue(), false),
                (None, Some(endpoint)) => (endpoint.catalogue(), endpoint.names_skills()),
                (None, None) => return None,
            };
            let upstream = Upstream {
                server: place.server()?.to_owned(),
                catalogue: Rc::clone(catalogue),
                sessions,
                names_skills,
                evaluation: self.id,
            };
            let by = (Rc::clone(&self.configuration.policy), Rc::clone(caller));
            Some(ResponseFilter::new(exchange, by, upstream, Rc::clone(&self.present) as _))
        });
        let mut edits = self.edits(place, &caller.verified, response.is_some());
        for (name, value) in opened {
            match value {
                Some(value) => edits.set.push((name, value)),
                None => edits.remove.push(name.as_bytes().to_vec()),
            }
        }
        edits.set.extend(path.map(|path| (":path", path)));
        if let Some(body) = body.as_ref().filter(|_| self.head.has("content-length")) {
            edits.set.push(("content-length", body.len().to_string()));
        }
        Next::Forward(permit, Box::new(Onward { edits, body, response }))
    }

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
    ) -> Result<(Opened, Option<Sessions>), Reason> {
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
