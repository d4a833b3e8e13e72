//! The life of a request: the only place where the stages meet.
//!
//! Each stage is a pure function of what the case holds; a need means "ask again when I know
//! more", and [`Case::advance`] runs again from the top. What was expensive (a verified token) is
//! kept in the case, so nothing is done twice. Beside it: what policy makes of all of it (`weighing`), how
//! a human's approval is got and used up (`approving`), what a receipt will tell (`progress`), what no
//! longer counts (`revoked`), which agents are looked up (`looking`), what two present that one may have
//! (`sharing`), which tools are not what they were (`drift`), whether who opened a stream may still act
//! (`present`), what a message asks (`message`), what an agent does (`counting`) and who is told of it
//! (`signal`), what goes upstream (`onward`) and what is seen there of the caller (`edits`), how a request
//! ends (`ending`); and what an engine learns while it runs (`learning`).

mod approving;
mod counting;
mod drift;
mod edits;
mod ending;
mod learning;
mod looking;
mod message;
mod next;
mod onward;
mod present;
mod progress;
mod retired;
mod revoked;
mod sharing;
mod signal;
mod weighing;

use std::fmt;
use std::rc::Rc;

use counting::Counting;
use drift::Pinned;
use message::{Kept, Message};
use next::{Ending, Next, Refusal, deny};
use present::Present;
use progress::trace;
use retired::Retired;

use crate::approval::{Answer, Openings};
use crate::audit::{Facts, Receipt};
use crate::authority::Caller;
use crate::config::{self, Configuration, Loaded, Problems};
use crate::credential::{self, ProvenBefore, Sharing, TokenCache, Unverified, Verified};
use crate::decision::{Leads, Reason, Shape, Verdict};
use crate::directory::{Directory, Found};
use crate::events::Events;
use crate::evidence::{Attribute, Head};
use crate::model::{CallerClass, EvaluationId, Timestamp};
use crate::policy::Signal;
use crate::protocol::{Place, Sessions};
use crate::recall::{Once as UsedOnce, Recall, Recalled};
use crate::renewal::{Lacking, Renewal};
use crate::step::{Arrival, Fetch, NeedBody, NeedFetch, NeedRecall, Outcome, Step};
use crate::trust::{HostAlgorithm, HostFitness, HostVerifier, Trust};

/// Long-lived state: one per VM, worker or page.
pub struct Engine {
    configuration: Rc<Configuration>,
    /// What was in force before, until there is time to give it up, and nobody has it any more.
    retired: Vec<Retired>,
    trust: Trust,
    cache: TokenCache,
    renewal: Renewal,
    events: Option<Box<Events>>,
    directory: Option<Rc<Directory>>,
    present: Rc<Present>,
    pinned: Pinned,
    openings: Openings,
    /// What the approval service answered last, if that was no answer: for the log.
    unanswered: Option<String>,
    /// How often something was learned: keys, a bundle, revocations, what other workers know.
    learned: u64,
}

/// One request under way, and the configuration it was last looked at with.
pub(crate) struct Case {
    configuration: Rc<Configuration>,
    present: Rc<Present>,
    id: EvaluationId,
    began: Timestamp,
    head: Head,
    body: Option<Vec<u8>>,
    verified: Option<(Rc<Verified>, Seen)>,
    proven: ProvenBefore,
    /// What the host's store said: each question is asked once, or a request would find its own
    /// trace.
    recalled: Vec<(Recall, Recalled)>,
    /// What the approval service said: each question is asked once.
    answers: Vec<(Fetch, Rc<Answer>)>,
    /// The agent, if it was looked up.
    found: Option<Found>,
    /// The form a refusal takes, as far as the head tells.
    shape: Shape,
    fetches_left: u8,
    /// What it asks, while the host's store is asked about that.
    kept: Option<Box<Kept>>,
    /// How it ends, once that is counted.
    ending: Option<Box<(Ending, Progress)>>,
}

/// When a credential was looked at, and after how much was learned. Until either changes, another look
/// would see the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    at: Timestamp,
    learned: u64,
}

/// How far a request got, for its receipt and its reply.
#[derive(Default)]
struct Progress {
    facts: Facts,
    /// Who asks, once that is proven.
    verified: Option<Rc<Verified>>,
    /// The agent, if it was looked up.
    found: Option<Found>,
    shape: Shape,
    /// How it is counted, once it is proven whose behaviour it is.
    counting: Counting,
    /// What somebody should know of the agent.
    signal: Option<Signal>,
}

impl Engine {
    /// Reads a configuration. It starts whole or not at all.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its path or position.
    pub fn new(configuration: &[u8]) -> Result<Self, Problems> {
        let Loaded { configuration, trust, bundle, feed, events, directory } =
            config::read(configuration)?;
        let directory = directory.map(|source| Rc::new(Directory::new(source)));
        let events = events.map(|transmitter| Box::new(Events::new(transmitter)));
        let (pinned, renewal) = (Pinned::of(&configuration), Renewal::new(bundle, feed));
        let (configuration, cache) = (Rc::new(configuration), TokenCache::default());
        let present = Present::new(Rc::clone(&configuration), directory.clone());
        let (openings, unanswered, learned) = (Openings::default(), None, 0);
        Ok(Self {
            configuration,
            retired: Vec::new(),
            trust,
            cache,
            renewal,
            events,
            directory,
            present,
            pinned,
            openings,
            unanswered,
            learned,
        })
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
        let credentials = &self.configuration.credentials;
        let used_once = credentials.binding.dpop.is_some() || credentials.binding.wpt.is_some();
        let approves = self.configuration.approvals.service.is_some();
        let counts = self.configuration.policy.counts();
        let polls = self.events.is_some();
        used_once || approves || counts || polls || credentials.sharing != Sharing::Ignored
    }

    /// Starts a request.
    pub fn begin(&mut self, head: Head, arrival: Arrival) -> Step {
        let case = Case {
            configuration: Rc::clone(&self.configuration),
            present: Rc::clone(&self.present),
            id: EvaluationId::new(arrival.now, arrival.entropy),
            began: arrival.now,
            head,
            body: None,
            verified: None,
            proven: ProvenBefore::default(),
            recalled: Vec::new(),
            answers: Vec::new(),
            found: None,
            shape: Shape::default(),
            fetches_left: FETCHES_PER_REQUEST,
            kept: None,
            ending: None,
        };
        case.advance(self, arrival.now)
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
}

impl Case {
    pub(crate) fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn with_recalled(mut self, recall: Recall, answer: Recalled) -> Self {
        self.recalled.push((recall, answer));
        self
    }

    pub(crate) fn with_answer(mut self, fetch: Fetch, answer: Rc<Answer>) -> Self {
        self.answers.push((fetch, answer));
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
        if let Some(ending) = self.ending.take() {
            return match *ending {
                (Ending::Refuse(refusal), progress) => self.refused(now, refusal, progress),
                (Ending::Forward(permit, onward), progress) => {
                    self.forward(now, permit, progress, *onward)
                }
            };
        }
        self.configuration = Rc::clone(&engine.configuration);
        let mut progress = Progress::default();
        let resumed = self.resumed(engine, now, &mut progress);
        match resumed.unwrap_or_else(|| self.stages(engine, now, &mut progress)) {
            Next::Forward(permit, onward) => match progress.passes() {
                Some(recall) => self.counted_as(Ending::Forward(permit, onward), progress, recall),
                None => self.forward(now, permit, progress, *onward),
            },
            Next::Refuse(refusal) => self.ended(now, refusal, progress),
            Next::Publish(reply) => Step::Publish(reply),
            Next::Body(limit) => Step::Body(NeedBody { case: self, limit }),
            Next::Recall(recall) => Step::Recall(NeedRecall::new(self, recall)),
            Next::Fetch(fetch) => match self.fetches_left.checked_sub(1) {
                Some(left) => {
                    self.fetches_left = left;
                    Step::Fetch(NeedFetch { case: self, fetch })
                }
                None => self.ended(now, Refusal::Deny(Reason::FetchBudgetSpent), progress),
            },
        }
    }

    /// Ends a request, once it is counted how.
    fn ended(self, now: Timestamp, refusal: Refusal, progress: Progress) -> Step {
        match self.count_of(&refusal, &progress) {
            Some(recall) => self.counted_as(Ending::Refuse(refusal), progress, recall),
            None => self.refused(now, refusal, progress),
        }
    }

    fn counted_as(mut self, ending: Ending, progress: Progress, recall: Recall) -> Step {
        self.ending = Some(Box::new((ending, progress)));
        Step::Recall(NeedRecall::new(self, recall))
    }

    /// Ends a request that the host can't take further, with what is known of it so far.
    pub(crate) fn refuse(mut self, reason: Reason, now: Timestamp) -> Step {
        if let Some(ending) = self.ending.take() {
            return self.refused(now, Refusal::Deny(reason), ending.1);
        }
        let mut progress = Progress { shape: self.shape.clone(), ..Progress::default() };
        progress.facts.trace = trace(&self.head);
        progress.verified = self.verified.as_ref().map(|(verified, _)| Rc::clone(verified));
        progress.found = self.found.clone();
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
                "GET" | "HEAD" => Next::Publish(resource.reply()),
                _ => deny(Reason::MethodNotServed),
            };
        }
        // What is served may be the bundle's to say.
        let lacking = match engine.standing(&configuration, now) {
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
        progress.verified = Some(Rc::clone(&verified));
        if let Err(reason) = engine.unstruck((&configuration, None), &verified, now) {
            return deny(reason);
        }
        let wider = match self.look_up(engine, &verified, now) {
            Ok(wider) => wider,
            Err(next) => return next,
        };
        progress.found = self.found.clone();
        // Whose it is, and what else it is called, is known only now.
        if let Some(wider) = &wider
            && let Err(reason) = engine.unstruck((&configuration, Some(wider)), &verified, now)
        {
            return deny(reason);
        }
        let registry = wider.as_ref().unwrap_or(&configuration.registry);
        let bounds = match registry.admit(&verified.actor, now) {
            Ok(bounds) => bounds,
            Err(reason) => return deny(reason),
        };
        // Last of what is asked about who it is: only a registered caller with a token and a proof that
        // hold writes to the store (threats S2).
        for (once, again) in verified.used_once() {
            let once = once.clone().by(verified.actor.agent.as_str());
            if let Err(next) = self.use_once(once, again) {
                return next;
            }
        }
        let shares = match self.shares(&verified, configuration.credentials.sharing, progress) {
            Ok(shares) => shares,
            Err(next) => return next,
        };
        if configuration.policy.counts() {
            progress.counting = Counting::Refusal;
        }
        let message = match self.message(&place, &verified, progress) {
            Ok(message) => message,
            Err(next) => return next,
        };
        let agent = registry.find(&verified.actor.agent);
        let class = agent.map_or(CallerClass::Unknown, |agent| agent.class);
        let caller = Caller::new(verified, class, bounds, now);
        let caller = Rc::new(caller.sharing(shares).found(self.found.clone()));
        self.decide(engine, (&place, &caller, now), message, progress)
    }

    fn verify(
        &mut self,
        engine: &mut Engine,
        configuration: &Configuration,
        place: &Place<'_>,
        now: Timestamp,
    ) -> Result<Rc<Verified>, Unverified> {
        // A body and a store may take their time, so the credential is looked at again: it may have
        // expired since, or lost its key.
        let seen = Seen { at: now, learned: engine.learned };
        if let Some((verified, before)) = &self.verified
            && *before == seen
        {
            return Ok(Rc::clone(verified));
        }
        let audiences = configuration.audiences(place);
        let Engine { trust, cache, .. } = engine;
        let with = (&configuration.credentials, trust, cache);
        let verified = credential::verify(&self.head, with, &mut self.proven, &audiences, now)?;
        self.verified = Some((Rc::clone(&verified), seen));
        Ok(verified)
    }

    /// Goes on only with what was not used before, and asks the host's store about it once.
    fn use_once(&self, once: UsedOnce, again: Reason) -> Result<(), Next> {
        let recall = Recall::Once(once);
        match self.recalled.iter().find(|(asked, _)| *asked == recall) {
            None => Err(Next::Recall(recall)),
            Some((_, Recalled::First)) => Ok(()),
            Some((_, Recalled::Full)) => Err(deny(Reason::StateFull)),
            Some((_, Recalled::ShareFull)) => Err(deny(Reason::AgentStateFull)),
            Some(_) => Err(deny(again)),
        }
    }

    fn decide(
        &mut self,
        engine: &mut Engine,
        (place, caller, now): (&Place<'_>, &Rc<Caller>, Timestamp),
        mut message: Message,
        progress: &mut Progress,
    ) -> Next {
        progress.asked(&message);
        let exchange = message.exchange.as_ref();
        let sessions = match self.sessions(place, &caller.verified, exchange) {
            Ok(sessions) => sessions,
            Err(reason) => return deny(reason),
        };
        // Whether its client can be led to a page, a session of 2025-11-25 knows since it began.
        if let (Some(exchange), Shape::JsonRpc { leads, .. }) = (exchange, &mut progress.shape)
            && exchange.leads == Leads::Error
            && sessions.1.as_ref().is_some_and(Sessions::shows_pages)
        {
            *leads = Leads::Error;
        }
        let session = Sessions::session(&sessions.0).zip(place.server());
        let counted = self.counted(caller, (&mut message, session), progress);
        let permitted = counted.and_then(|counted| {
            let about = (&message, counted.as_deref());
            self.permitted(engine, (place, caller, now), about, progress)
        });
        let permit = match permitted {
            Ok(permit) => permit,
            Err(next) => {
                self.keep(message, (engine, caller, &next), progress);
                return next;
            }
        };
        self.onward(permit, (place, caller), message.exchange, sessions)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One for a bundle, one for revocations; and for each of three credentials two for metadata that was
/// never had, one for keys, and one for a key that is new; and for an approval that, its keys, a key that
/// is new, and that it was used; and one for its agent.
const FETCHES_PER_REQUEST: u8 = 19;

/// From head to decision. Keys take two seconds at most; a body of the default limit takes a minute
/// at 35 kbit/s.
const MAX_AGE_MS: u64 = 60_000;
