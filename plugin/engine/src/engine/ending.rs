//! How a request ends: the outcome, its receipt, and for a refusal the reply.

use super::next::Onward;
use super::{Case, Progress, Refusal};
use crate::audit::{Facts, Receipt};
use crate::decision::{DpopChallenge, Permit, Reason, Refused, Reply, Shape, Verdict, Wire};
use crate::evidence::Once;
use crate::json::{Object, Value};
use crate::model::Timestamp;
use crate::policy::StepUp;
use crate::step::{Forward, Outcome, Step};

impl Case {
    pub(super) fn forward(
        self,
        now: Timestamp,
        permit: Permit,
        mut progress: Progress,
        onward: Onward,
    ) -> Step {
        let facts = progress.facts(&self.configuration);
        let shape = progress.shape;
        let revision = self.configuration.policy.revision();
        let receipt = Receipt::allowed(self.id, now, revision, &permit, facts);
        let forward = Forward::new(permit, (onward.edits, onward.body), onward.response);
        Step::Decided(Box::new(Outcome::forward(receipt, self.id, shape, forward)))
    }

    pub(super) fn refused(self, now: Timestamp, refusal: Refusal, mut progress: Progress) -> Step {
        let signal = self.signal(&progress, now);
        let shape = std::mem::take(&mut progress.shape);
        let step_up = match &refusal {
            Refusal::StepUp(step_up) => parameters(step_up),
            Refusal::Deny(_) | Refusal::Later(..) | Refusal::Approval { .. } => Refused::NO_STEP_UP,
        };
        if let Refusal::Later(_, seconds) = &refusal {
            progress.facts.retry_after = Some(*seconds);
        }
        let facts = progress.facts(&self.configuration);
        let (verdict, wire, request) = match refusal {
            Refusal::Deny(reason) | Refusal::Later(reason, _) => {
                (Verdict::Deny(reason), reason.wire(), None)
            }
            Refusal::StepUp(step_up) => {
                let reason = step_up.reason();
                (Verdict::Deny(reason), reason.wire(), None)
            }
            Refusal::Approval { reason, approvers, page } => {
                let request =
                    self.access_request((now, reason), &approvers, page.as_deref(), &facts);
                let verdict = match reason {
                    Reason::ApprovalRequired => Verdict::NeedsApproval { approvers },
                    _ => Verdict::Deny(reason),
                };
                (verdict, reason.wire(), Some((request, page)))
            }
        };
        let reply = self.reply((wire, step_up, facts.retry_after), &shape, request, now);
        let revision = self.configuration.policy.revision();
        let receipt = Receipt::new(self.id, now, revision, &verdict, facts);
        let outcome = Outcome::refused(receipt, self.id, shape, &verdict, reply);
        Step::Decided(Box::new(Outcome { signal, ..outcome }))
    }

    fn reply(
        &self,
        (wire, step_up, retry_after): (Wire, Parameters, Option<u64>),
        shape: &Shape,
        asking: Option<(Object, Option<String>)>,
        now: Timestamp,
    ) -> Reply {
        let (access_request, page) = asking.unzip();
        let page = page.flatten();
        let (supported, requested) = self.versions(wire);
        let dpop = self.configuration.credentials.binding.dpop.as_ref();
        let line = self.head.line().ok();
        let configuration = &self.configuration;
        let resource_metadata = line.and_then(|line| configuration.resource_metadata(line.path));
        let published = line.and_then(|line| configuration.published(line.authority, line.path));
        let allow = match shape {
            _ if published.is_some() => "GET, HEAD",
            Shape::A2a(form) if form.rpc.is_none() => "GET, POST, DELETE",
            _ => "POST",
        };
        let refused = Refused {
            wire,
            shape,
            evaluation: self.id,
            resource_metadata,
            allow,
            supported: &supported,
            requested,
            access_request,
            page: page.as_deref(),
            step_up,
            retry_after,
            dpop: dpop.map(|rules| DpopChallenge {
                algorithms: rules.algorithms.names(),
                nonce: rules.nonces.as_ref().and_then(|nonces| nonces.current(now)),
            }),
        };
        refused.reply()
    }

    /// What is spoken where the request went, and what it asked for (MCP 2026-07-28: an unsupported
    /// version is answered with both).
    fn versions(&self, wire: Wire) -> (Vec<String>, Option<&str>) {
        let path = match self.head.line() {
            Ok(line) if wire == Wire::Version => line.path,
            _ => return (Vec::new(), None),
        };
        let requested = match self.head.once("mcp-protocol-version") {
            Once::One(text) if is_date(text) => Some(text),
            _ => None,
        };
        (self.configuration.surface.versions_at(path), requested)
    }

    /// The shape of AuthZEN's access-request profile (APP-1): still a denial, and where to ask.
    fn access_request(
        &self,
        (now, reason): (Timestamp, Reason),
        approvers: &[String],
        page: Option<&str>,
        facts: &Facts,
    ) -> Object {
        let mut request = Object::of([
            ("evaluation_id", self.id.to_string().into()),
            ("evaluated_at", now.to_string().into()),
            ("reason", reason.code().into()),
            ("approvers", Value::Array(approvers.iter().map(|a| a.as_str().into()).collect())),
        ]);
        if let Some(action) = &facts.action {
            request.set("action", action.as_str().into());
        }
        if let Some(endpoint) = &self.configuration.approvals.url {
            request.set("endpoint", endpoint.as_str().into());
        }
        if let Some(page) = page {
            request.set("url", page.into());
        }
        request
    }
}

/// What a challenge says, as far as it is said.
type Parameters = [(&'static str, Option<String>); 3];

/// RFC 9470 §3, RFC 6750 §3.
fn parameters(step_up: &StepUp) -> Parameters {
    let values = step_up.acr_values.join(" ");
    [
        ("acr_values", (!values.is_empty()).then_some(values)),
        ("max_age", step_up.max_age.map(|seconds| seconds.to_string())),
        ("scope", (!step_up.scopes.is_empty()).then(|| step_up.scopes.join(" "))),
    ]
}

/// `YYYY-MM-DD`, as MCP writes its versions; anything else is not worth an echo.
fn is_date(text: &str) -> bool {
    let digit_or_dash = |(i, b): (usize, u8)| match i {
        4 | 7 => b == b'-',
        _ => b.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(digit_or_dash)
}
