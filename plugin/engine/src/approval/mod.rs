//! What a human has to approve, and whether what comes back is that approval.
//!
//! An approval is bound to one action by the digest of everything that was decided about ([`Binding`]);
//! the approval service is asked for it by that digest ([`Service::ask`]), and its answer is a signed
//! statement ([`Service::verify`]) by somebody who may approve ([`Service::may_approve`]). It is an input:
//! policy is asked again with it (`engine`), and it is used once (`recall`).
//!
//! Not here: what has to be approved (`policy`), the service itself (`examples`).

mod answer;
mod approver;
mod binding;
mod openings;
mod signed;
#[cfg(test)]
mod tests;

use crate::fetch::{Document, Endpoint, Fetch, Told};
use crate::json::{Object, Value};
use crate::model::{EvaluationId, IssuerId, Timestamp};
use crate::trust::Algorithms;

pub(crate) use answer::Answer;
pub(crate) use binding::{Binding, Bound, Content};
pub(crate) use openings::Openings;
pub(crate) use signed::{Approval, Unapproved};

/// How approvals are got: as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Where one can be asked for, named in the refusal.
    pub(crate) url: Option<String>,
    /// Whom the gateway itself asks.
    pub(crate) service: Option<Service>,
}

/// The approval service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Below which path each request is.
    pub(crate) endpoint: Endpoint,
    /// What precedes a ticket in the address that a human opens.
    pub(crate) page: String,
    /// `iss` of approvals.
    pub(crate) issuer: String,
    /// Names its keys; no issuer of access tokens.
    pub(crate) source: IssuerId,
    pub(crate) algorithms: Algorithms,
    pub(crate) max_lifetime_seconds: u64,
    pub(crate) delegator_may_approve: bool,
    /// An approval is used up there as well, before its request goes on: so it is used once by all gateways.
    pub(crate) consumes: bool,
}

/// A question to the service.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) binding: &'a Binding,
    /// Who may approve, as policies say.
    pub(crate) approvers: &'a [String],
    /// The policies that ask for it.
    pub(crate) policies: &'a [String],
    pub(crate) evaluation: EvaluationId,
    pub(crate) at: Timestamp,
    /// What becomes of an approval that was given.
    pub(crate) told: Option<&'a Told>,
}

impl Service {
    /// Opens the request and asks for the approval, in one: whoever asks again gets the present state.
    pub(crate) fn ask(&self, question: Question<'_>) -> Fetch {
        let Question { binding, approvers, policies, evaluation, at, told } = question;
        let texts = |texts: &[String]| {
            Value::Array(texts.iter().map(|text| text.as_str().into()).collect())
        };
        let mut body = Object::of([
            ("binding", Value::Object(binding.object().clone())),
            ("approvers", texts(approvers)),
            ("policies", texts(policies)),
            ("evaluation_id", evaluation.to_string().into()),
            ("asked_at", at.to_string().into()),
        ]);
        match told {
            None => {}
            Some(Told::Use(id)) => body.set("use", id.as_str().into()),
            Some(Told::Used(id)) => body.set("used", id.as_str().into()),
        }
        let path = format!("{}/{}", self.endpoint.path, binding.digest());
        let endpoint = Endpoint { path, ..self.endpoint.clone() };
        let digest = binding.digest().to_owned();
        let document = Document::Approval { digest, told: told.cloned() };
        Fetch::put(document, endpoint, body.to_text())
    }

    /// Where a human decides. The address gives no right: the page has its visitor log in (MRTR-5).
    pub(crate) fn page(&self, ticket: &str) -> String {
        format!("{}{ticket}", self.page)
    }
}

/// The endpoint of an approval service, with the limits that go for all of them.
pub(crate) fn endpoint(cluster: String, authority: String, path: String) -> Endpoint {
    Endpoint { cluster, authority, path, timeout_ms: TIMEOUT_MS, max_bytes: answer::MAX_BYTES }
}

/// The request waits meanwhile, so not longer than for keys.
const TIMEOUT_MS: u32 = 2_000;
