//! The life of a request: the only place where the stages meet.
//!
//! Each stage is a pure function of what the case holds; a need means "ask again when I know
//! more", and [`Case::advance`] runs again from the top. What was expensive (a verified token) is
//! kept in the case, so nothing is done twice.

use std::fmt;
use std::rc::Rc;

use crate::audit::{self, AgentFacts, CredentialFacts, Facts, Receipt};
use crate::authority::{Caller, Factor};
use crate::config::{self, Configuration, Loaded, Problems};
use crate::credential::{
    self, Bound, Known, Proof, ProvenBefore, TokenCache, Unverified, Verified,
};
use crate::decision::{
    DpopChallenge, EVALUATION_HEADER, Permit, Reason, Refused, Reply, Shape, Verdict, Wire,
};
use crate::evidence::{Attribute, Head, Once, dashed};
use crate::json::{Object, Value};
use crate::model::{Asked, CallerClass, EvaluationId, Timestamp};
use crate::protocol::{self, Exchange, Place, Read, Sessions};
use crate::recall::{Once as UsedOnce, Recall, Recalled};
use crate::registry::Presented;
use crate::renewal::{Lacking, Renewal};
use crate::response::{ResponseFilter, Upstream};
use crate::step::{
    Absorbed, Arrival, Document, Fetch, FetchReply, Forward, HeaderEdits, NeedBody, NeedFetch,
    NeedRecall, Outcome, Step,
};
use crate::trust::{HostAlgorithm, HostFitness, HostVerifier, Trust};

/// Long-lived state: one per VM, worker or page.
pub struct Engine {
    configuration: Rc<Configuration>,
    trust: Trust,
    cache: TokenCache,
    renewal: Renewal,
}

/// One request under way, and the configuration it was last looked at with.
pub(crate) struct Case {
    configuration: Rc<Configuration>,
    id: EvaluationId,
    began: Timestamp,
    head: Head,
    body: Option<Vec<u8>>,
    verified: Option<Rc<Verified>>,
    proven: ProvenBefore,
    /// What the host's store said: each question is asked once, or a request would find its own
    /// trace.
    recalled: Vec<(Recall, Recalled)>,
    /// The form a refusal takes, as far as the head tells.
    shape: Shape,
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
        let Loaded { configuration, trust, bundle, feed } = config::read(configuration)?;
        let (configuration, cache) = (Rc::new(configuration), TokenCache::default());
        Ok(Self { configuration, trust, cache, renewal: Renewal::new(bundle, feed) })
    }

    /// Lets the host verify signatures from now on, in the algorithms in which it answers known
    /// answers right; the rest is computed here. What was found of each. Keys and algorithms are
    /// judged here in any case.
    pub fn verify_by(&mut self, host: Box<dyn HostVerifier>) -> Vec<(HostAlgorithm, HostFitness)> {
        self.trust.verify_by(host)
    }

    /// What the operator should know although it is no error, such as a policy that can never
    /// apply, or a key that is not used.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let configured = self.configuration.warnings.iter().cloned();
        configured.chain(self.trust.passed_over()).collect()
    }

    /// What a host is to say of the connection with each request ([`Head::with_attributes`]): what the
    /// configuration trusts it to know. Mostly nothing.
    #[must_use]
    pub fn attributes(&self) -> Vec<Attribute> {
        self.configuration.credentials.certificates.attributes()
    }

    /// Whether this configuration needs the store that a host's workers share: a host sees at the
    /// start whether it has one, so that an operator need not wait for the first refusal.
    #[must_use]
    pub fn recalls(&self) -> bool {
        let binding = &self.configuration.credentials.binding;
        binding.dpop.is_some() || binding.wpt.is_some()
    }

    /// Starts a request.
    pub fn begin(&mut self, head: Head, arrival: Arrival) -> Step {
        let case = Case {
            configuration: Rc::clone(&self.configuration),
            id: EvaluationId::new(arrival.now, arrival.entropy),
            began: arrival.now,
            head,
            body: None,
            verified: None,
            proven: ProvenBefore::default(),
            recalled: Vec::new(),
            shape: Shape::default(),
            fetches_left: FETCHES_PER_REQUEST,
        };
        case.advance(self, arrival.now)
    }

    /// Fetches to make in the background: at the start and then on every tick.
    pub fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let mut fetches = self.renewal.due(now);
        fetches.extend(self.trust.due(now));
        fetches
    }

    /// Takes in what came of a fetch. A bad answer never replaces a good one.
    pub fn absorb(&mut self, fetch: Fetch, reply: FetchReply, now: Timestamp) -> Absorbed {
        let passed_over = match fetch.document() {
            Document::Keys(issuer) | Document::Metadata(issuer) => {
                let learned = self.trust.learn(issuer, &fetch, reply, now);
                self.cache.retain(&learned);
                learned.passed_over
            }
            Document::Bundle | Document::Revocations => {
                let next = self.renewal.absorb(&self.configuration, &fetch, reply, now);
                if let Some(next) = next {
                    self.configuration = Rc::new(next);
                    // Which agent a workload is may have changed with it.
                    self.cache = TokenCache::default();
                }
                Vec::new()
            }
        };
        Absorbed { fetch, passed_over }
    }

    /// Refuses a request that the host could not bring before the engine: there is no decision, so
    /// there is a refusal, and a record of it. One that was decided and can't be sent on as decided
    /// is [`Outcome::into_fault`].
    #[must_use]
    pub fn fault(&self, arrival: Arrival) -> Box<Outcome> {
        let revision = self.configuration.policy.revision();
        let id = EvaluationId::new(arrival.now, arrival.entropy);
        let verdict = Verdict::Deny(Reason::EngineFault);
        let receipt = Receipt::new(id, arrival.now, revision, &verdict, Facts::default());
        Box::new(Outcome::fault(receipt, id, Shape::Problem))
    }

    /// The revision in force: of the bundle, or of the configuration's own policies.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.configuration.policy.revision()
    }

    /// Refuses bundles older than this revision: what a host remembers of an earlier life.
    pub fn remember(&mut self, revision: u64) {
        self.renewal.remember(revision);
    }

    /// Seconds since the bundle and the revocations were last confirmed; none: nothing is held, or
    /// none is configured.
    pub fn ages(&mut self, now: Timestamp) -> [Option<u64>; 2] {
        self.renewal.ages(now)
    }

    /// Why the last fetch of that kind was refused, for a log line.
    #[must_use]
    pub fn fetch_error(&self, fetch: &Fetch) -> Option<String> {
        match fetch.document() {
            Document::Keys(issuer) | Document::Metadata(issuer) => {
                self.trust.last_error(issuer, fetch)
            }
            Document::Bundle | Document::Revocations => self.renewal.last_error(fetch),
        }
    }
}

impl Case {
    /// A body may take its time, so the credential is looked at again: it may have expired since, or
    /// lost its key. That costs a look into the cache.
    pub(crate) fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.verified = None;
        self
    }

    /// A store may take its time as well.
    pub(crate) fn with_recalled(mut self, recall: Recall, answer: Recalled) -> Self {
        self.recalled.push((recall, answer));
        self.verified = None;
        self
    }

    /// Whether the request has been under way for longer than its registry, policies and keys may
    /// be old: whoever opens requests ahead must not keep a ticket for later.
    fn is_stale(&self, now: Timestamp) -> bool {
        now.since(self.began).is_none_or(|millis| millis > MAX_AGE_MS)
    }

    /// Runs the request as far as what is known allows, by what is in force now: all of it is asked
    /// again, so a decision has one revision.
    pub(crate) fn advance(mut self, engine: &mut Engine, now: Timestamp) -> Step {
        self.configuration = Rc::clone(&engine.configuration);
        let mut progress = Progress::default();
        match self.stages(engine, now, &mut progress) {
            Next::Forward(permit, onward) => self.forward(now, permit, progress, *onward),
            Next::Refuse(refusal) => self.refused(now, refusal, progress),
            Next::Publish(reply) => Step::Publish(reply),
            Next::Body(limit) => Step::Body(NeedBody { case: self, limit }),
            Next::Recall(recall) => Step::Recall(NeedRecall::new(self, recall)),
            Next::Fetch(fetch) => match self.fetches_left.checked_sub(1) {
                Some(left) => {
                    self.fetches_left = left;
                    Step::Fetch(NeedFetch { case: self, fetch })
                }
                None => self.refused(now, Refusal::Deny(Reason::FetchBudgetSpent), progress),
            },
        }
    }

    /// Ends a request that the host can't take further, with what is known of it so far.
    pub(crate) fn refuse(self, reason: Reason, now: Timestamp) -> Step {
        let mut progress = Progress { shape: self.shape.clone(), ..Progress::default() };
        progress.facts.trace = trace(&self.head);
        if let Some(verified) = &self.verified {
            progress.verified(&self.configuration, verified);
        }
        self.refused(now, Refusal::Deny(reason), progress)
    }

    /// Place, credential, registry, message, policy: in the order of the four questions.
    fn stages(&mut self, engine: &mut Engine, now: Timestamp, progress: &mut Progress) -> Next {
        let configuration = Rc::clone(&self.configuration);
        progress.facts.trace = trace(&self.head);
        let line = match self.head.line() {
            Ok(line) => line,
            Err(_) => return deny(Reason::RequestMalformed),
        };
        if !configuration.serves(line.authority) {
            return deny(Reason::Unmapped);
        }
        if let Some(resource) = configuration.published(line.authority, line.path) {
            return match line.method {
                "GET" => Next::Publish(resource.reply()),
                _ => deny(Reason::MethodNotServed),
            };
        }
        // What is served may be the bundle's to say.
        let lacking = match engine.renewal.standing(&configuration, now) {
            Ok(()) => None,
            Err(Lacking::Fetch(fetch)) if !self.is_stale(now) => return Next::Fetch(fetch),
            Err(Lacking::Fetch(_)) => Some(Reason::RequestTooSlow),
            Err(Lacking::Nothing(reason)) => Some(reason),
        };
        let place = match configuration.surface.locate(line, &self.head) {
            Ok(place) => place,
            Err((reason, shape)) => {
                progress.shape = shape;
                return deny(lacking.unwrap_or(reason));
            }
        };
        progress.shape = place.shape(&self.head);
        self.shape = progress.shape.clone();
        if self.is_stale(now) {
            return deny(Reason::RequestTooSlow);
        }
        progress.facts.protocol = Some(place.protocol().as_str());
        if let Some(reason) = lacking {
            return deny(reason);
        }
        let verified = match self.verify(engine, &configuration, &place, now) {
            Ok(verified) => verified,
            Err(Unverified::Needs(fetch)) => return Next::Fetch(fetch),
            Err(Unverified::Rejected(rejected)) => {
                progress.rejected(rejected.known);
                return deny(rejected.reason);
            }
        };
        progress.verified(&configuration, &verified);
        if let Err(reason) = unrevoked(engine, &configuration, &verified) {
            return deny(reason);
        }
        let bounds = match configuration.registry.admit(&verified.actor, now) {
            Ok(bounds) => bounds,
            Err(reason) => return deny(reason),
        };
        // Last of what is asked about who it is: only a registered caller with a token and a proof that
        // hold writes to the store (threats S2).
        for (once, again) in verified.used_once() {
            if let Err(next) = self.use_once(once, again) {
                return next;
            }
        }
        match place.read(&self.head, self.body.as_deref(), configuration.body_limit) {
            Read::NeedsBody { limit } => Next::Body(limit),
            Read::Refused { reason, shape } => {
                progress.shape = shape;
                deny(reason)
            }
            Read::Asked { asked, shape, exchange } => {
                progress.shape = shape;
                let caller = Rc::new(Caller::new(verified, progress.facts.caller, bounds, now));
                self.decide(&place, &caller, (asked, exchange), progress)
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
        let with = (&configuration.credentials, trust, cache);
        let verified = credential::verify(&self.head, with, &mut self.proven, &audiences, now)?;
        self.verified = Some(Rc::clone(&verified));
        Ok(verified)
    }

    /// Goes on only with what was not used before, and asks the host's store about it once.
    fn use_once(&self, once: &UsedOnce, again: Reason) -> Result<(), Next> {
        let recall = Recall::Once(once.clone());
        match self.recalled.iter().find(|(asked, _)| *asked == recall) {
            None => Err(Next::Recall(recall)),
            Some((_, Recalled::First)) => Ok(()),
            Some((_, Recalled::Again)) => Err(deny(again)),
            Some((_, Recalled::Full)) => Err(deny(Reason::StateFull)),
        }
    }

    fn decide(
        &self,
        place: &Place<'_>,
        caller: &Rc<Caller>,
        (asked, exchange): (Vec<Asked>, Option<Exchange>),
        progress: &mut Progress,
    ) -> Next {
        progress.asked(&asked);
        let sessions = match self.sessions(place, &caller.verified, exchange.as_ref()) {
            Ok(sessions) => sessions,
            Err(reason) => return deny(reason),
        };
        let permit = match self.permitted(caller, &asked, progress) {
            Ok(permit) => permit,
            Err(next) => return next,
        };
        let (opened, sessions) = sessions;
        let response = exchange.and_then(|exchange| {
            let endpoint = place.mcp()?;
            let upstream = Upstream {
                server: endpoint.server().to_owned(),
                catalogue: Rc::clone(endpoint.catalogue()),
                sessions,
                evaluation: self.id,
            };
            let policy = Rc::clone(&self.configuration.policy);
            Some(ResponseFilter::new(exchange, policy, Rc::clone(caller), upstream))
        });
        let mut edits = self.edits(place, &caller.verified, response.is_some());
        for (name, value) in opened {
            match value {
                Some(value) => edits.set.push((name, value)),
                None => edits.remove.push(name.as_bytes().to_vec()),
            }
        }
        Next::Forward(permit, Box::new(Onward { edits, response }))
    }

    /// Everything the request reaches, or why not. The first refusal is the answer; the record names
    /// what was refused.
    fn permitted(
        &self,
        caller: &Caller,
        asked: &[Asked],
        progress: &mut Progress,
    ) -> Result<Permit, Next> {
        let mut whole: Option<Permit> = None;
        for one in asked {
            let weighed = caller.decide(&self.configuration.policy, one);
            progress.weighed(weighed.decisive, weighed.grants);
            progress.decided(weighed.decided.agent, weighed.decided.delegator);
            let refusal = match weighed.decided.verdict {
                Verdict::Allow(permit) => {
                    whole = Some(match whole {
                        Some(before) => before.and(permit),
                        None => permit,
                    });
                    continue;
                }
                Verdict::NeedsApproval { approvers } => Refusal::NeedsApproval(approvers),
                Verdict::Deny(reason) => Refusal::Deny(reason),
            };
            progress.refused_for(one);
            return Err(Next::Refuse(refusal));
        }
        // Nothing asked is nothing permitted.
        whole.ok_or_else(|| deny(Reason::EngineFault))
    }

    /// What becomes of the session that the head names, and what the answer's will be sealed with.
    fn sessions(
        &self,
        place: &Place<'_>,
        verified: &Verified,
        exchange: Option<&Exchange>,
    ) -> Result<(protocol::Opened, Option<Sessions>), Reason> {
        match (exchange, place.mcp()) {
            (Some(exchange), Some(endpoint)) if exchange.legacy => {
                let sealer = &self.configuration.sealer;
                let sessions = sealer.of(endpoint.server(), &verified.actor);
                let opened = sessions.open(&self.head, exchange.in_session)?;
                Ok((opened, Some(sessions)))
            }
            (Some(_), Some(_)) => Ok((Sessions::none(&self.head), None)),
            _ => Ok((Vec::new(), None)),
        }
    }

    /// What the upstream gets to see of who is asking: our word, never the client's.
    fn edits(&self, place: &Place<'_>, verified: &Verified, filtered: bool) -> HeaderEdits {
        // A transaction that nobody here believes in goes no further (TXN-7).
        let believed = verified.transaction.is_some();
        let goes = |name: &[u8]| believed && name == TRANSACTION_HEADER;
        let not_on = |name: &&[u8]| is_ours(name) || (has_served(name) && !goes(name));
        let mut remove: Vec<_> = self.head.names().filter(not_on).map(<[u8]>::to_vec).collect();
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

    fn forward(self, now: Timestamp, permit: Permit, progress: Progress, onward: Onward) -> Step {
        let Progress { facts, shape } = progress;
        let revision = self.configuration.policy.revision();
        let receipt = Receipt::allowed(self.id, now, revision, &permit, facts);
        let forward = Forward::new(permit, onward.edits, onward.response);
        Step::Decided(Box::new(Outcome::forward(receipt, self.id, shape, forward)))
    }

    fn refused(self, now: Timestamp, refusal: Refusal, progress: Progress) -> Step {
        let Progress { facts, shape } = progress;
        let (verdict, wire, request) = match refusal {
            Refusal::Deny(reason) => (Verdict::Deny(reason), reason.wire(), None),
            Refusal::NeedsApproval(approvers) => {
                let request = self.access_request(now, &approvers, facts.action.as_deref());
                (Verdict::NeedsApproval { approvers }, Wire::ApprovalRequired, Some(request))
            }
        };
        let reply = self.reply(wire, &shape, request, now);
        let revision = self.configuration.policy.revision();
        let receipt = Receipt::new(self.id, now, revision, &verdict, facts);
        Step::Decided(Box::new(Outcome::refused(receipt, self.id, shape, &verdict, reply)))
    }

    fn reply(
        &self,
        wire: Wire,
        shape: &Shape,
        access_request: Option<Object>,
        now: Timestamp,
    ) -> Reply {
        let (supported, requested) = self.versions(wire);
        let dpop = self.configuration.credentials.binding.dpop.as_ref();
        let line = self.head.line().ok();
        let configuration = &self.configuration;
        let resource_metadata = line.and_then(|line| configuration.resource_metadata(line.path));
        let published = line.and_then(|line| configuration.published(line.authority, line.path));
        let allow = if published.is_some() { "GET" } else { "POST" };
        let refused = Refused {
            wire,
            shape,
            evaluation: self.id,
            resource_metadata,
            allow,
            supported: &supported,
            requested,
            access_request,
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
    Publish(Reply),
    Fetch(Fetch),
    Recall(Recall),
    Body(usize),
    Forward(Permit, Box<Onward>),
    Refuse(Refusal),
}

/// Why a request does not go on.
enum Refusal {
    Deny(Reason),
    NeedsApproval(Vec<String>),
}

/// What goes along with a permitted request.
struct Onward {
    edits: HeaderEdits,
    response: Option<ResponseFilter>,
}

impl Progress {
    /// A token that was genuine and refused all the same names its subject.
    fn rejected(&mut self, known: Option<Known>) {
        let Some(known) = known else { return };
        self.facts.caller = known.class;
        self.facts.subject = known.subject;
        self.facts.credential = Some(CredentialFacts {
            kind: known.kind,
            issuer: known.issuer,
            thumbprint: known.thumbprint,
            expires: None,
            bound: None,
            key: None,
        });
    }

    fn verified(&mut self, configuration: &Configuration, verified: &Verified) {
        let agent = configuration.registry.find(&verified.actor.agent);
        self.facts.caller = agent.map_or(CallerClass::Unknown, |agent| agent.class);
        let transaction = verified.transaction.as_ref();
        self.facts.transaction = transaction.map(|t| (t.id.clone(), t.thumbprint.clone()));
        self.facts.agent = Some(AgentFacts {
            id: verified.actor.agent.clone(),
            name: agent.and_then(|a| a.name.clone()),
            owner: agent.and_then(|a| a.owner.clone()),
            sponsor: agent.and_then(|a| a.sponsor.clone()),
            proof: verified.proof.kind,
        });
        self.facts.delegation = verified.actor.delegation.clone();
        self.facts.credential = Some(CredentialFacts::of(&verified.proof));
        self.facts.also = verified.also.iter().map(CredentialFacts::of).collect();
    }

    /// What the request is about, and what else it reaches.
    fn asked(&mut self, asked: &[Asked]) {
        let mut all = asked.iter();
        if let Some(first) = all.next() {
            self.about(first);
        }
        self.facts.reaches =
            all.map(|a| format!("{} {}", a.action.as_str(), resource(a))).collect();
    }

    fn about(&mut self, asked: &Asked) {
        self.facts.action = Some(asked.action.as_str().to_owned());
        self.facts.resource = Some(resource(asked));
        self.facts.arguments = asked.input.as_ref().and_then(audit::json_digest);
    }

    /// Of several things, the record of a refusal is about the one that was refused.
    fn refused_for(&mut self, asked: &Asked) {
        if !self.facts.reaches.is_empty() {
            self.about(asked);
        }
    }

    /// What was decisive, of the last thing that was weighed, and all grants that counted.
    fn weighed(&mut self, decisive: Option<Factor>, grants: Vec<String>) {
        self.facts.decisive = decisive.map(Factor::code);
        self.facts.grants.extend(grants);
        self.facts.grants.sort_unstable();
        self.facts.grants.dedup();
    }

    /// The policies that decided so far, each once.
    fn decided(&mut self, agent: Option<Vec<String>>, delegator: Option<Vec<String>>) {
        for (all, more) in [
            (&mut self.facts.agent_policies, agent),
            (&mut self.facts.delegator_policies, delegator),
        ] {
            let Some(more) = more else { continue };
            let all = all.get_or_insert_default();
            all.extend(more);
            all.sort_unstable();
            all.dedup();
        }
    }
}

impl CredentialFacts {
    fn of(proof: &Proof) -> Self {
        Self {
            kind: proof.kind,
            issuer: proof.issuer.as_str().to_owned(),
            thumbprint: proof.thumbprint.clone(),
            expires: proof.expires,
            bound: proof.bound.as_ref().map(Bound::as_str),
            key: proof.bound.as_ref().and_then(Bound::key).map(str::to_owned),
        }
    }
}

/// Whether neither the configuration nor the feed says that any of it no longer counts.
fn unrevoked(
    engine: &Engine,
    configuration: &Configuration,
    verified: &Verified,
) -> Result<(), Reason> {
    let agent = configuration.registry.find(&verified.actor.agent);
    let feed = engine.renewal.revoked();
    let by = |issuer, key, jti| {
        let owner = agent.and_then(|agent| agent.owner.as_deref());
        let presented = Presented { actor: &verified.actor, owner, issuer, key, jti };
        configuration.revocations.check(presented)?;
        feed.map_or(Ok(()), |feed| feed.check(presented))
    };
    for proof in verified.proofs() {
        by(&proof.issuer, proof.key_thumbprint.as_deref(), proof.jti.as_deref())?;
        // The sender's own key may be the one that was stolen.
        by(&proof.issuer, proof.bound.as_ref().and_then(Bound::key), None)?;
    }
    if let Some(transaction) = &verified.transaction {
        by(&transaction.source, Some(&transaction.key_thumbprint), None)?;
    }
    Ok(())
}

/// As receipts write it.
fn resource(asked: &Asked) -> String {
    format!("{}::{}", asked.resource.kind.as_str(), asked.resource.id)
}

fn deny(reason: Reason) -> Next {
    Next::Refuse(Refusal::Deny(reason))
}

/// Whether a header name is one that only Deputy sets, also to an upstream that folds `_` into `-`.
fn is_ours(name: &[u8]) -> bool {
    // A name that begins otherwise is not worth a copy.
    name.first() == OUR_PREFIX.first() && dashed(name).starts_with(OUR_PREFIX)
}

/// Whether a header carries a proof or a token that was for this gateway, also to an upstream that folds
/// `_` into `-`: only the spelling with `-` was looked at.
fn has_served(name: &[u8]) -> bool {
    // As above: most names begin otherwise.
    matches!(name.first(), Some(b'd' | b't' | b'w')) && SERVED.contains(&dashed(name).as_slice())
}

/// An identity as a header value: what is not visible ASCII is percent-encoded, `%` included.
fn header_text(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'%';
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            _ if plain(byte) => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `YYYY-MM-DD`, as MCP writes its versions; anything else is not worth an echo.
fn is_date(text: &str) -> bool {
    let digit_or_dash = |(i, b): (usize, u8)| match i {
        4 | 7 => b == b'-',
        _ => b.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(digit_or_dash)
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

/// One for a bundle, one for revocations; and for each of three credentials two for metadata that was
/// never had, one for keys, and one for a key that is new.
const FETCHES_PER_REQUEST: u8 = 14;

/// From head to decision. Keys take two seconds at most; a body of the default limit takes a minute
/// at 35 kbit/s.
const MAX_AGE_MS: u64 = 60_000;

/// Every header of this prefix belongs to Deputy; a client's is removed.
const OUR_PREFIX: &[u8] = b"x-deputy-";
/// A credential, or a part of one, that is looked at here and means nothing behind.
const SERVED: [&[u8]; 4] =
    [b"dpop", b"workload-identity-token", b"workload-proof-token", TRANSACTION_HEADER];
const TRANSACTION_HEADER: &[u8] = b"txn-token";
const AGENT_HEADER: &str = "x-deputy-agent";
const DELEGATOR_HEADER: &str = "x-deputy-on-behalf-of";
