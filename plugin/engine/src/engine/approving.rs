//! What becomes of a request that a human has to approve: the service is asked once, what comes back is
//! verified, policy is asked again with it, and it is used up. Each part is asked for anew whenever the
//! request goes on, so nothing that has changed meanwhile is missed (threats V8, V13).

use std::rc::Rc;

use super::progress::resource;
use super::weighing::refused;
use super::{Case, Engine, Next, Progress, Refusal, deny};
use crate::approval::{Answer, Approval, Binding, Bound, Content, Question, Service, Unapproved};
use crate::audit::ApprovalFacts;
use crate::authority::{Caller, Given};
use crate::behavior::Counted;
use crate::decision::{Permit, Reason, Verdict};
use crate::evidence::Once;
use crate::json::{Object, Value};
use crate::model::{Asked, ProtocolName, Timestamp};
use crate::policy::Approved;
use crate::protocol::{self, Place};
use crate::recall::{Recall, Recalled};
use crate::step::{Document, Fetch, Told};

/// What stands in the way: who may lift it, and the policies that say so.
pub(super) struct Wanted {
    pub(super) approvers: Vec<String>,
    pub(super) policies: Vec<String>,
}

/// A request that waits for a human, and what it is about.
pub(super) struct Approvable<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) caller: &'a Caller,
    pub(super) asked: &'a Asked,
    /// What it says besides what policy sees.
    pub(super) content: Option<&'a Object>,
    pub(super) wanted: Wanted,
    /// It carries something that would not be bound: answers to its server beside the arguments, or the
    /// arguments of another thing that it asks for.
    pub(super) carries_more: bool,
    /// What its agent has done.
    pub(super) counted: Option<&'a Counted>,
    pub(super) now: Timestamp,
}

impl Case {
    /// The permission of what a human has approved, or what is needed to get there.
    pub(super) fn approved(
        &self,
        engine: &mut Engine,
        request: &Approvable<'_>,
        progress: &mut Progress,
    ) -> Result<Permit, Next> {
        let configuration = Rc::clone(&self.configuration);
        let Some(service) = &configuration.approvals.service else {
            return Err(request.pending(None));
        };
        let binding = self.binding(request)?;
        progress.facts.approval = Some(ApprovalFacts::of(binding.digest()));
        let text = self.given(engine, service, &binding, request)?;
        let approval = self.verified_approval(engine, service, (text, &binding), request)?;
        progress.facts.approval = Some(ApprovalFacts::given(&binding, &approval));
        self.eligible(engine, service, &approval, request)?;
        let permit = self.decided_anew(&approval, request, progress)?;
        self.consumed(service, request, (&binding, &approval))?;
        match self.spent(&approval, request)? {
            false => Ok(permit),
            true => Err(self.used(service, request, &binding, &approval)),
        }
    }

    /// What the service has answered, if that is a yes; still unread.
    fn given(
        &self,
        engine: &mut Engine,
        service: &Service,
        binding: &Binding,
        request: &Approvable<'_>,
    ) -> Result<&str, Next> {
        let agent = &request.caller.verified.actor.agent;
        let Some(answer) = self.answer(binding, None) else {
            return Err(match engine.openings.admit(agent, binding.digest(), request.now) {
                true => self.ask(service, request, binding, None),
                false => deny(Reason::ApprovalsPending),
            });
        };
        if matches!(answer, Answer::Denied | Answer::Approved(_)) {
            engine.openings.decided(agent, binding.digest());
        }
        match answer {
            Answer::Approved(text) => Ok(text),
            Answer::Pending(ticket) => Err(request.pending(Some(service.page(ticket)))),
            Answer::Denied => Err(deny(Reason::ApprovalDenied)),
            Answer::TooMany => Err(deny(Reason::ApprovalsPending)),
            Answer::Used | Answer::Unavailable(_) => Err(deny(Reason::ApprovalUnavailable)),
        }
    }

    /// What is to be approved; of an HTTP request its body belongs to it.
    fn binding(&self, request: &Approvable<'_>) -> Result<Binding, Next> {
        let Approvable { place, caller, asked, .. } = request;
        if request.carries_more {
            return Err(deny(Reason::ApprovalUncanonical));
        }
        let verified = &caller.verified;
        let json = match asked.protocol {
            ProtocolName::Mcp | ProtocolName::A2a => None,
            ProtocolName::Http => self.json_body()?,
        };
        let content = match (asked.protocol, self.head.line()) {
            (ProtocolName::Mcp, _) => Content::Arguments(asked.input.as_ref()),
            (ProtocolName::A2a, _) => Content::Arguments(request.content.or(asked.input.as_ref())),
            (ProtocolName::Http, Ok(line)) => Content::Message {
                method: line.method,
                target: line.path,
                media_type: self.media_type(),
                body: self.body.as_deref().unwrap_or_default(),
                json,
            },
            (ProtocolName::Http, Err(_)) => return Err(deny(Reason::RequestMalformed)),
        };
        let endpoint = place.mcp();
        let binding = Binding::of(Bound {
            gateway: self.configuration.audience(),
            actor: &verified.actor,
            key: verified.proofs().find_map(|proof| proof.bound.as_ref()?.key()),
            server: place.server(),
            asked,
            resource: resource(asked),
            content,
            tool: endpoint.and_then(|endpoint| endpoint.pin(&asked.resource)),
            revision: self.configuration.policy.revision(),
        });
        binding.ok_or_else(|| deny(Reason::ApprovalUncanonical))
    }

    /// The body of an HTTP request, all of it: JSON, or nothing.
    fn json_body(&self) -> Result<Option<Value>, Next> {
        let limit = self.configuration.body_limit;
        let Some(body) = &self.body else { return Err(Next::Body(limit)) };
        if body.len() > limit {
            return Err(deny(Reason::BodyTooLarge));
        }
        match protocol::json_body(&self.head, body) {
            None if body.is_empty() => Ok(None),
            // A form, a patch, something compressed: a human would see its hash, and the upstream what it says.
            None => Err(deny(Reason::ApprovalUncanonical)),
            Some(Ok(json)) => Ok(Some(json)),
            // A human could not be shown what the upstream would make of it.
            Some(Err(reason)) => Err(deny(reason)),
        }
    }

    fn media_type(&self) -> Option<&str> {
        match self.head.once("content-type") {
            Once::One(value) => Some(value),
            Once::Absent | Once::Many => None,
        }
    }

    fn ask(
        &self,
        service: &Service,
        request: &Approvable<'_>,
        binding: &Binding,
        told: Option<&Told>,
    ) -> Next {
        Next::Fetch(service.ask(Question {
            binding,
            approvers: &request.wanted.approvers,
            policies: &request.wanted.policies,
            evaluation: self.id,
            at: request.now,
            told,
        }))
    }

    /// What the service has answered this request.
    fn answer(&self, binding: &Binding, told: Option<&Told>) -> Option<&Answer> {
        let is_it = |fetch: &Fetch| match fetch.document() {
            Document::Approval { digest, told: before } => {
                digest == binding.digest() && before.as_ref() == told
            }
            _ => false,
        };
        let found = self.answers.iter().find(|(fetch, _)| is_it(fetch));
        found.map(|(_, answer)| &**answer)
    }

    fn verified_approval(
        &self,
        engine: &mut Engine,
        service: &Service,
        (text, binding): (&str, &Binding),
        request: &Approvable<'_>,
    ) -> Result<Approval, Next> {
        let about = (binding.digest(), self.configuration.audience());
        let verified = service.verify(text, about, &mut engine.trust, request.now);
        verified.map_err(|not| match not {
            Unapproved::Refused(reason) => deny(reason),
            Unapproved::Needs(fetch) => Next::Fetch(fetch),
        })
    }

    fn eligible(
        &self,
        engine: &Engine,
        service: &Service,
        approval: &Approval,
        request: &Approvable<'_>,
    ) -> Result<(), Next> {
        let configuration = &self.configuration;
        let lists = [Some(&configuration.revocations), engine.renewal.revoked()];
        let mut lists = lists.into_iter().flatten();
        let (approver, issuer, key) = (&approval.approver, service.issuer.as_str(), &approval.key);
        let actor = &request.caller.verified.actor;
        let asked_for = &request.wanted.approvers;
        let may = service.may_approve(approver, actor, asked_for, &configuration.registry);
        match may && !lists.any(|list| list.has_approver(approver, issuer, key)) {
            true => Ok(()),
            false => Err(deny(Reason::ApproverIneligible)),
        }
    }

    /// Policy again, with the approval: it may still say no, or look away.
    fn decided_anew(
        &self,
        approval: &Approval,
        request: &Approvable<'_>,
        progress: &mut Progress,
    ) -> Result<Permit, Next> {
        let approved = Approved {
            id: &approval.id,
            approver: &approval.approver,
            at: approval.at,
            acr: approval.acr.as_deref(),
        };
        let policy = &self.configuration.policy;
        let given = Given { approved: Some(approved), counted: request.counted, fitting: None };
        let weighed = request.caller.decide(policy, request.asked, given);
        progress.weighed(weighed.decisive, weighed.grants);
        progress.decided(weighed.decided.agent, weighed.decided.delegator);
        match weighed.decided.verdict {
            Verdict::Allow(permit) => Ok(permit),
            Verdict::NeedsApproval { .. } => Err(deny(Reason::ApprovalIgnored)),
            Verdict::Deny(reason) => Err(refused(reason, weighed.decided.turn)),
        }
    }

    /// Uses it up at the service, where gateways are told so: of all that ask, whoever asks first goes on. Before
    /// it is used up here, so that a service that does not answer leaves it whole.
    fn consumed(
        &self,
        service: &Service,
        request: &Approvable<'_>,
        (binding, approval): (&Binding, &Approval),
    ) -> Result<(), Next> {
        if !service.consumes {
            return Ok(());
        }
        let told = Told::Use(approval.id.clone());
        match self.answer(binding, Some(&told)) {
            None => Err(self.ask(service, request, binding, Some(&told))),
            Some(Answer::Used) => Ok(()),
            Some(Answer::Pending(ticket)) => Err(request.used_up(service.page(ticket))),
            Some(Answer::Denied) => Err(deny(Reason::ApprovalDenied)),
            // One that says yes again does not know what it was told.
            Some(Answer::Approved(_) | Answer::TooMany | Answer::Unavailable(_)) => {
                Err(deny(Reason::ApprovalUnavailable))
            }
        }
    }

    /// Whether it was used before. If not, it is from now on: last of all, so that nothing that is refused
    /// uses it up (threats V2).
    fn spent(&self, approval: &Approval, request: &Approvable<'_>) -> Result<bool, Next> {
        let agent = request.caller.verified.actor.agent.as_str();
        let recall = Recall::Once(approval.once.clone().by(agent));
        match self.recalled.iter().find(|(asked, _)| *asked == recall) {
            None => Err(Next::Recall(recall)),
            Some((_, Recalled::First)) => Ok(false),
            Some((_, Recalled::Full)) => Err(deny(Reason::StateFull)),
            Some((_, Recalled::ShareFull)) => Err(deny(Reason::AgentStateFull)),
            Some(_) => Ok(true),
        }
    }

    /// Tells the service that its approval is gone, so that a human can be asked for another one.
    fn used(
        &self,
        service: &Service,
        request: &Approvable<'_>,
        binding: &Binding,
        approval: &Approval,
    ) -> Next {
        let told = Told::Used(approval.id.clone());
        match self.answer(binding, Some(&told)) {
            None => self.ask(service, request, binding, Some(&told)),
            Some(Answer::Pending(ticket)) => request.used_up(service.page(ticket)),
            Some(_) => deny(Reason::ApprovalUsed),
        }
    }
}

impl Approvable<'_> {
    fn pending(&self, page: Option<String>) -> Next {
        let approvers = self.wanted.approvers.clone();
        Next::Refuse(Refusal::Approval { reason: Reason::ApprovalRequired, approvers, page })
    }

    /// It was used; another one can be given there.
    fn used_up(&self, page: String) -> Next {
        let (reason, approvers) = (Reason::ApprovalUsed, self.wanted.approvers.clone());
        Next::Refuse(Refusal::Approval { reason, approvers, page: Some(page) })
    }
}

impl ApprovalFacts {
    fn of(digest: &str) -> Self {
        Self { digest: digest.to_owned(), given: None }
    }

    fn given(binding: &Binding, approval: &Approval) -> Self {
        let given = (approval.id.clone(), approval.approver.clone());
        Self { digest: binding.digest().to_owned(), given: Some(given) }
    }
}
