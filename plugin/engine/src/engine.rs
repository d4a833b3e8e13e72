//! The life of a request: the only place where the stages meet.
//!
//! Each stage is a pure function of what the case holds; a need means "ask again when I know
//! more", and [`Case::advance`] runs again from the top. What was expensive (a verified token) is
//! kept in the case, so nothing is done twice.

use std::fmt;
use std::rc::Rc;

use crate::audit::{self, AgentFacts, CredentialFacts, Facts, Receipt};
use crate::config::{self, Configuration, Problems};
use crate::credential::{self, Known, TokenCache, Unverified, Verified};
use crate::decision::{Permit, Reason, Refused, Shape, Verdict, Wire};
use crate::evidence::{Head, Once};
use crate::json::{Object, Value};
use crate::model::{Asked, EvaluationId, Timestamp};
use crate::policy::Situation;
use crate::protocol::{self, Place, Read};
use crate::registry::Unfit;
use crate::response::ResponseFilter;
use crate::step::{
    Absorbed, Arrival, Disposition, Fetch, FetchReply, Forward, HeaderEdits, NeedBody, NeedFetch,
    Outcome, Step,
};
use crate::trust::Trust;

/// Long-lived state: one per VM, worker or page.
pub struct Engine {
    configuration: Rc<Configuration>,
    trust: Trust,
    cache: TokenCache,
}

/// One request under way. It keeps the configuration it began with.
pub(crate) struct Case {
    configuration: Rc<Configuration>,
    id: EvaluationId,
    head: Head,
    body: Option<Vec<u8>>,
    verified: Option<Rc<Verified>>,
    fetches_left: u8,
}

/// How far a request got, for its receipt and its reply.
#[derive(Default)]
struct Progress {
    facts: Facts,
    shape: Shape,
}

impl Engine {
    /// Reads a configuration. It starts whole or not at all.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its path or position.
    pub fn new(configuration: &[u8]) -> Result<Self, Problems> {
        let (configuration, trust) = config::read(configuration)?;
        Ok(Self { configuration: Rc::new(configuration), trust, cache: TokenCache::default() })
    }

    /// What the operator should know although it is no error, such as a policy that can never
    /// apply.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.configuration.policy.warnings()
    }

    /// Starts a request.
    pub fn begin(&mut self, head: Head, arrival: Arrival) -> Step {
        let case = Case {
            configuration: Rc::clone(&self.configuration),
            id: EvaluationId::new(arrival.now, arrival.entropy),
            head,
            body: None,
            verified: None,
            fetches_left: FETCHES_PER_REQUEST,
        };
        case.advance(self, arrival.now)
    }

    /// Fetches to make in the background: at the start and then on every tick.
    pub fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        self.trust.due(now)
    }

    /// Takes in what came of a fetch. A bad answer never replaces a good one.
    pub fn absorb(&mut self, fetch: Fetch, reply: FetchReply, now: Timestamp) -> Absorbed {
        let learned = self.trust.learn(&fetch, reply, now);
        self.cache.retain(&learned);
        Absorbed { fetch }
    }

    /// Refuses a request that the host could not bring before the engine, or could not send on as
    /// decided: there is no decision, so there is a refusal, and a record of it.
    pub fn fault(&self, arrival: Arrival) -> Box<Outcome> {
        let revision = self.configuration.policy.revision();
        let id = EvaluationId::new(arrival.now, arrival.entropy);
        let verdict = Verdict::Deny(Reason::EngineFault);
        let receipt = Receipt::new(id, arrival.now, revision, &verdict, Facts::default());
        let refused = Refused {
            wire: Reason::EngineFault.wire(),
            shape: &Shape::Problem,
            evaluation: id,
            resource_metadata: None,
            supported: &[],
            access_request: None,
        };
        let disposition = Disposition::Reply(refused.reply());
        Box::new(Outcome {
            receipt,
            disposition,
            verdict: verdict.label(),
            reason: verdict.reason(),
        })
    }

    /// Why the last fetch of that kind was refused, for a log line.
    #[must_use]
    pub fn fetch_error(&self, fetch: &Fetch) -> Option<String> {
        self.trust.last_error(fetch)
    }
}

impl Case {
    pub(crate) fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    /// Runs the request as far as what is known allows.
    pub(crate) fn advance(mut self, engine: &mut Engine, now: Timestamp) -> Step {
        let mut progress = Progress::default();
        match self.stages(engine, now, &mut progress) {
            Next::Decided(verdict, then) => self.decided(now, verdict, progress, then),
            Next::Body(limit) => Step::Body(NeedBody { case: self, limit }),
            Next::Fetch(fetch) => match self.fetches_left.checked_sub(1) {
                Some(left) => {
                    self.fetches_left = left;
                    Step::Fetch(NeedFetch { case: self, fetch })
                }
                None => {
                    let verdict = Verdict::Deny(Reason::FetchBudgetSpent);
                    self.decided(now, verdict, progress, None)
                }
            },
        }
    }

    /// Place, credential, registry, message, policy: in the order of the four questions.
    fn stages(&mut self, engine: &mut Engine, now: Timestamp, progress: &mut Progress) -> Next {
        let configuration = Rc::clone(&self.configuration);
        progress.facts.trace = trace(&self.head);
        let line = match self.head.line() {
            Ok(line) => line,
            Err(_) => return deny(Reason::RequestMalformed),
        };
        let place = match configuration.surface.locate(line, &self.head) {
            Ok(place) => place,
            Err((reason, shape)) => {
                progress.shape = shape;
                return deny(reason);
            }
        };
        progress.shape = place.shape(&self.head);
        progress.facts.protocol = Some(place.protocol().as_str());
        let verified = match self.verify(engine, &configuration, &place, now) {
            Ok(verified) => verified,
            Err(Unverified::Needs(fetch)) => return Next::Fetch(fetch),
            Err(Unverified::Rejected(rejected)) => {
                progress.rejected(rejected.known);
                return deny(rejected.reason);
            }
        };
        progress.verified(&configuration, &verified);
        if let Err(reason) = registered(&configuration, &verified) {
            return deny(reason);
        }
        match place.read(&self.head, self.body.as_deref(), configuration.body_limit) {
            Read::NeedsBody { limit } => Next::Body(limit),
            Read::Refused { reason, shape } => {
                progress.shape = shape;
                deny(reason)
            }
            Read::Asked { asked, shape, list } => {
                progress.shape = shape;
                self.decide(&place, &verified, (asked, list), now, progress)
            }
        }
    }

    fn verify(
        &mut self,
        engine: &mut Engine,
        configuration: &Configuration,
        place: &Place<'_>,
        now: Timestamp,
    ) -> Result<Rc<Verified>, Unverified> {
        if let Some(verified) = &self.verified {
            return Ok(Rc::clone(verified));
        }
        let audiences = configuration.audiences(place);
        let Engine { trust, cache, .. } = engine;
        let verified = credential::verify(&self.head, trust, cache, &audiences, now)?;
        self.verified = Some(Rc::clone(&verified));
        Ok(verified)
    }

    fn decide(
        &self,
        place: &Place<'_>,
        verified: &Rc<Verified>,
        (asked, list): (Asked, Option<protocol::ListFilter>),
        now: Timestamp,
        progress: &mut Progress,
    ) -> Next {
        let policy = &self.configuration.policy;
        progress.asked(&asked);
        let decided = policy.decide(&situation(verified, now), &asked);
        progress.facts.agent_policies = Some(decided.agent);
        progress.facts.delegator_policies = Some(decided.delegator);
        let response = list.and_then(|list| {
            let endpoint = place.mcp()?;
            let catalogue = (endpoint.server().to_owned(), endpoint.catalogue());
            Some(ResponseFilter::new(list, Rc::clone(policy), Rc::clone(verified), now, catalogue))
        });
        let edits = self.edits(place, verified, response.is_some());
        Next::Decided(decided.verdict, Some(Box::new(Onward { edits, response })))
    }

    /// What the upstream gets to see of who is asking: our word, never the client's.
    fn edits(&self, place: &Place<'_>, verified: &Verified, filtered: bool) -> HeaderEdits {
        let mut remove: Vec<_> =
            self.head.names().filter(|n| is_ours(n)).map(<[u8]>::to_vec).collect();
        remove.sort_unstable();
        remove.dedup();
        if !self.configuration.may_forward_token(place, verified) {
            remove.push(b"authorization".to_vec());
        }
        if filtered {
            remove.extend(protocol::REMOVED_WHEN_FILTERED.iter().map(|n| n.as_bytes().to_vec()));
        }
        let mut set = vec![
            (AGENT_HEADER, header_text(verified.actor.agent.as_str())),
            (EVALUATION_HEADER, self.id.to_string()),
        ];
        let delegation = verified.actor.delegation.as_ref();
        set.extend(delegation.map(|d| (DELEGATOR_HEADER, header_text(d.delegator.as_str()))));
        HeaderEdits { remove, set }
    }

    fn decided(
        self,
        now: Timestamp,
        verdict: Verdict,
        progress: Progress,
        onward: Option<Box<Onward>>,
    ) -> Step {
        let Progress { facts, shape } = progress;
        let asked = facts.action.clone();
        let revision = self.configuration.policy.revision();
        let receipt = Receipt::new(self.id, now, revision, &verdict, facts);
        let (label, reason) = (verdict.label(), verdict.reason());
        let disposition = match (verdict, onward) {
            (Verdict::Allow(permit), Some(onward)) => onward.forward(permit),
            (Verdict::NeedsApproval { approvers }, _) => {
                let request = self.access_request(now, &approvers, asked.as_deref());
                self.reply(Wire::ApprovalRequired, &shape, Some(request))
            }
            (Verdict::Deny(reason), _) => self.reply(reason.wire(), &shape, None),
            // A permit without a way onward can't be made; if it were, it would go nowhere.
            (Verdict::Allow(_), None) => self.reply(Wire::EngineError, &shape, None),
        };
        Step::Decided(Box::new(Outcome { receipt, disposition, verdict: label, reason }))
    }

    fn reply(&self, wire: Wire, shape: &Shape, access_request: Option<Object>) -> Disposition {
        let refused = Refused {
            wire,
            shape,
            evaluation: self.id,
            resource_metadata: self.configuration.resource_metadata.as_deref(),
            supported: self.configuration.surface.versions(),
            access_request,
        };
        Disposition::Reply(refused.reply())
    }

    /// The shape of AuthZEN's access-request profile (APP-1): still a denial, and where to ask.
    fn access_request(&self, now: Timestamp, approvers: &[String], action: Option<&str>) -> Object {
        let mut request = Object::of([
            ("evaluation_id", self.id.to_string().into()),
            ("evaluated_at", now.to_string().into()),
            ("reason", Reason::ApprovalRequired.code().into()),
            ("approvers", Value::Array(approvers.iter().map(|a| a.as_str().into()).collect())),
        ]);
        if let Some(action) = action {
            request.set("action", action.into());
        }
        if let Some(endpoint) = &self.configuration.approval_endpoint {
            request.set("endpoint", endpoint.as_str().into());
        }
        request
    }
}

/// Where the stages stopped.
enum Next {
    Fetch(Fetch),
    Body(usize),
    Decided(Verdict, Option<Box<Onward>>),
}

/// What goes along with a permitted request.
struct Onward {
    edits: HeaderEdits,
    response: Option<ResponseFilter>,
}

impl Onward {
    fn forward(self, permit: Permit) -> Disposition {
        Disposition::Forward(Box::new(Forward::new(permit, self.edits, self.response)))
    }
}

impl Progress {
    /// A token that was genuine and refused all the same names its subject.
    fn rejected(&mut self, known: Option<Known>) {
        let Some(known) = known else { return };
        self.facts.subject = Some(known.subject);
        self.facts.credential = Some(CredentialFacts {
            kind: known.kind,
            issuer: known.issuer.as_str().to_owned(),
            thumbprint: known.thumbprint,
            expires: None,
        });
    }

    fn verified(&mut self, configuration: &Configuration, verified: &Verified) {
        let agent = configuration.registry.find(&verified.actor.agent);
        self.facts.agent = Some(AgentFacts {
            id: verified.actor.agent.clone(),
            name: agent.and_then(|a| a.name.clone()),
            owner: agent.and_then(|a| a.owner.clone()),
            sponsor: agent.and_then(|a| a.sponsor.clone()),
            proof: verified.kind,
        });
        self.facts.delegation = verified.actor.delegation.clone();
        self.facts.credential = Some(CredentialFacts {
            kind: verified.kind,
            issuer: verified.issuer.as_str().to_owned(),
            thumbprint: verified.thumbprint.clone(),
            expires: Some(verified.expires),
        });
    }

    fn asked(&mut self, asked: &Asked) {
        let resource = &asked.resource;
        self.facts.action = Some(asked.action.as_str().to_owned());
        self.facts.resource = Some(format!("{}::{}", resource.kind.as_str(), resource.id));
        self.facts.arguments = asked.input.as_ref().and_then(audit::arguments_digest);
    }
}

/// The verified part of a request, as policy sees it.
pub(crate) fn situation(verified: &Verified, now: Timestamp) -> Situation<'_> {
    Situation {
        now,
        actor: &verified.actor,
        credential_kind: verified.kind,
        issuer: &verified.issuer,
        scopes: &verified.scopes,
    }
}

/// Rules that hold whatever policy says.
fn registered(configuration: &Configuration, verified: &Verified) -> Result<(), Reason> {
    let registry = &configuration.registry;
    registry.fit(&verified.actor.agent).map_err(|unfit| match unfit {
        Unfit::Unknown => Reason::AgentUnknown,
        Unfit::WithoutOwner => Reason::AgentWithoutOwner,
        Unfit::Suspended => Reason::AgentSuspended,
        Unfit::Retired => Reason::AgentRetired,
    })?;
    // An agent is never somebody's human: the chain would be the wrong way round.
    let delegation = verified.actor.delegation.as_ref();
    match delegation.and_then(|d| registry.find(&d.delegator)) {
        Some(_) => Err(Reason::DelegationInverted),
        None => Ok(()),
    }
}

fn deny(reason: Reason) -> Next {
    Next::Decided(Verdict::Deny(reason), None)
}

/// Whether a header name is one that only Deputy sets, also to an upstream that folds `_` into `-`.
fn is_ours(name: &[u8]) -> bool {
    let dashed = name.iter().map(|b| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() });
    dashed.take(OUR_PREFIX.len()).eq(OUR_PREFIX.iter().copied())
}

/// An identity as a header value: what is not visible ASCII is percent-encoded, `%` included.
fn header_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'%' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The trace id of a well-formed W3C `traceparent`, to find the receipt by. Never an input.
fn trace(head: &Head) -> Option<String> {
    let Once::One(value) = head.once("traceparent") else { return None };
    let mut parts = value.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let hex = |s: &str| s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let valid = version.len() == 2 && trace.len() == 32 && hex(version) && hex(trace);
    (valid && trace.bytes().any(|b| b != b'0')).then(|| trace.to_owned())
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One for a key set that was never had, one for a key that is new.
const FETCHES_PER_REQUEST: u8 = 2;

/// Every header of this prefix belongs to Deputy; a client's is removed.
const OUR_PREFIX: &[u8] = b"x-deputy-";
const AGENT_HEADER: &str = "x-deputy-agent";
const DELEGATOR_HEADER: &str = "x-deputy-on-behalf-of";
const EVALUATION_HEADER: &str = "x-deputy-evaluation-id";
