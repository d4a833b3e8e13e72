//! Security events of a transmitter, polled (RFC 8936), and what follows from them (OpenID CAEP 1.0).
//!
//! Who was told that a session is over, a credential has changed or a token's claims have, refuses what was
//! issued before. An event is acknowledged, with the next poll, once the store that all workers share holds
//! what it strikes; one worker polls for all. What is not understood is reported back and changes nothing.
//! Not here: signatures (`credential`), whom a request is by (`engine`).

mod meaning;
#[cfg(test)]
mod tests;
mod unsigned;

use std::rc::Rc;

use meaning::{Meaning, NotUnderstood, meaning};
use unsigned::Unsigned;

use crate::bundle::{Fresh, Polled};
use crate::credential::{EventRules, NoEvent, SecurityEvent};
use crate::fetch::{Document, Fetch, FetchReply};
use crate::json::{self, Limits, Object, Value};
use crate::model::{IssuerId, Timestamp};
use crate::recall::{Cutoff, Cutoffs, Joined, name_of};
use crate::trust::{Algorithms, Trust};

pub(crate) use meaning::{subject, token};

/// Whose events are taken, as configured.
#[derive(Debug)]
pub(crate) struct Transmitter {
    /// `iss` of its events.
    pub(crate) issuer: String,
    /// What their `aud` names.
    pub(crate) audience: String,
    /// Names its keys; no issuer of access tokens.
    pub(crate) source: IssuerId,
    pub(crate) algorithms: Algorithms,
    pub(crate) polled: Polled,
    pub(crate) every_ms: u64,
    /// What it is shown with every poll.
    pub(crate) authorization: Option<Rc<str>>,
}

/// A transmitter, and what it has said.
#[derive(Debug)]
pub(crate) struct Events {
    transmitter: Transmitter,
    cutoffs: Rc<Cutoffs>,
    /// Ids of what strikes somebody, until the store is known to hold it; who has no store acknowledges none.
    taken: Vec<String>,
    /// Ids to be acknowledged, and what to report instead: `err` and `description`. While a poll is under way
    /// they stay as they are, so its answer is one to all of them.
    acks: Vec<String>,
    bad: Vec<(String, &'static str, &'static str)>,
    /// Where the host's store keeps what all workers know.
    name: String,
    /// Keys that an event needed.
    wanted: Option<Fetch>,
    unsigned: Unsigned,
    /// The last answer had events and was not all there are.
    more: bool,
    /// How many polls may still follow one another without a pause.
    at_once: u8,
}

/// What became of one event.
enum Judged {
    Taken,
    /// It strikes nobody, so there is nothing to keep.
    Nothing,
    Bad(&'static str, &'static str),
    /// It is delivered again: not acknowledged yet.
    Later,
}

impl Events {
    pub(crate) fn new(transmitter: Transmitter) -> Self {
        let endpoint = transmitter.polled.source().endpoint();
        let place = [&endpoint.cluster, &endpoint.authority, &endpoint.path, &transmitter.issuer];
        let name = name_of("events", &place.map(|part| part.as_bytes()));
        Self {
            transmitter,
            cutoffs: Rc::default(),
            taken: Vec::new(),
            acks: Vec::new(),
            bad: Vec::new(),
            name,
            wanted: None,
            unsigned: Unsigned::default(),
            more: false,
            at_once: MAX_AT_ONCE,
        }
    }

    /// Where polls go, for the configuration.
    pub(crate) fn document() -> Document {
        Document::Events
    }

    /// What no longer counts.
    pub(crate) fn cutoffs(&self) -> &Rc<Cutoffs> {
        &self.cutoffs
    }

    /// The fetches to make in the background: none while another worker asks for all.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let mut fetches: Vec<_> = self.wanted.take().into_iter().collect();
        let since = now.unix_millis().checked_sub(self.cutoffs.asked());
        if let Some(since) = since.filter(|since| *since < self.transmitter.every_ms) {
            self.transmitter.polled.confirmed_by_others(since, now);
        } else if let Some(fetch) = self.transmitter.polled.due(now, false) {
            fetches.push(self.poll(&fetch));
        }
        fetches
    }

    /// Whether a request may be decided with what is held; if not, what may help.
    pub(crate) fn standing(&mut self, now: Timestamp) -> Result<(), Option<Fetch>> {
        if self.transmitter.polled.is_fresh(now) {
            return Ok(());
        }
        let fetch = self.transmitter.polled.wanted(now);
        Err(fetch.map(|fetch| self.poll(&fetch)))
    }

    /// RFC 8936 §2.2: what was received is acknowledged, and more asked for, in one.
    fn poll(&self, fetch: &Fetch) -> Fetch {
        let ids = self.acks.iter().map(|id| id.as_str().into()).collect();
        let mut errors = Object::default();
        for (id, err, description) in &self.bad {
            let error =
                Object::of([("err", (*err).into()), ("description", (*description).into())]);
            errors.set(id, Value::Object(error));
        }
        let body = Object::of([
            ("maxEvents", Value::Integer(MAX_EVENTS)),
            // A host has few calls at a time, so it waits for none.
            ("returnImmediately", Value::Bool(true)),
            ("ack", Value::Array(ids)),
            ("setErrs", Value::Object(errors)),
        ]);
        let (document, endpoint) = (fetch.document().clone(), fetch.endpoint().clone());
        Fetch::post(document, endpoint, body.to_text(), self.transmitter.authorization.clone())
    }

    /// Takes in the answer to a poll.
    pub(crate) fn absorb(
        &mut self,
        fetch: &Fetch,
        reply: FetchReply,
        trust: &mut Trust,
        now: Timestamp,
    ) {
        if !self.transmitter.polled.is_of(fetch) {
            return;
        }
        let Some(fresh) = self.transmitter.polled.answered(fetch, reply, now) else { return };
        match read(&fresh) {
            Some(delivered) => {
                // What is not acknowledged by now is delivered again.
                self.taken.clear();
                self.acks.clear();
                self.bad.clear();
                self.more = false;
                self.take_in(fresh, &delivered, trust, now);
            }
            None => self.transmitter.polled.refused("not an answer to a poll".to_owned()),
        }
    }

    fn take_in(&mut self, fresh: Fresh, delivered: &Object, trust: &mut Trust, now: Timestamp) {
        let mut all = true;
        let sets = delivered.get("sets").and_then(Value::as_object);
        for (id, set) in sets.into_iter().flat_map(Object::iter) {
            match self.judge((id, set.as_str().unwrap_or_default()), trust, now) {
                Judged::Taken => self.taken.push(id.to_owned()),
                Judged::Nothing => self.acks.push(id.to_owned()),
                Judged::Bad(err, description) => self.bad.push((id.to_owned(), err, description)),
                Judged::Later => all = false,
            }
        }
        if !all {
            // What is not known yet confirms nothing.
            let why = "an event waits for keys, or for room to be kept in";
            return self.transmitter.polled.refused(why.to_owned());
        }
        if delivered.get("moreAvailable").and_then(Value::as_bool) == Some(true) {
            // What is unread may strike anybody.
            self.more = sets.is_some_and(|sets| sets.iter().next().is_some());
            self.transmitter.polled.unfinished();
        } else {
            self.at_once = MAX_AT_ONCE;
            self.transmitter.polled.taken(fresh.name, now);
            Rc::make_mut(&mut self.cutoffs).answered(now.unix_millis());
        }
        if let Some((_, _, why)) = self.bad.first() {
            self.transmitter
                .polled
                .refused(format!("{} bad events; the first: {why}", self.bad.len()));
        }
    }

    fn judge(&mut self, set: (&str, &str), trust: &mut Trust, now: Timestamp) -> Judged {
        let transmitter = &self.transmitter;
        let rules = EventRules {
            issuer: &transmitter.issuer,
            audience: &transmitter.audience,
            source: &transmitter.source,
            algorithms: &transmitter.algorithms,
        };
        let event = match SecurityEvent::verify(set, &rules, trust, now) {
            Ok(event) => event,
            Err(NoEvent::Bad(err, description)) => return Judged::Bad(err, description),
            Err(NoEvent::Later(fetch)) => {
                self.wanted = fetch.or(self.wanted.take());
                self.unsigned.came((&transmitter.issuer, set.0), trust.at(now));
                return Judged::Later;
            }
            Err(NoEvent::NotSigned) => {
                let event = (transmitter.issuer.as_str(), set.0);
                return match self.unsigned.is_settled(event, &transmitter.source, trust, now) {
                    true => Judged::Bad("invalid_key", "it is not signed with a key of the issuer"),
                    false => Judged::Later,
                };
            }
        };
        let strike = match meaning(&event, &transmitter.issuer) {
            Ok(Meaning::Strike(strike)) => strike,
            Ok(Meaning::Nothing) => return Judged::Nothing,
            Err(NotUnderstood(description)) => return Judged::Bad("invalid_request", description),
        };
        // One from the future strikes what is issued until then, so no more of it than two clocks may differ by.
        // Less would spare what an issuer whose clock runs ahead issued just before.
        let issued = strike.issued.unix_millis().min(now.unix_millis().saturating_add(LEEWAY_MS));
        let cutoff = Cutoff { issued, until: issued.saturating_add(KEPT_MS) };
        if cutoff.until <= now.unix_millis() {
            return Judged::Nothing;
        }
        match Rc::make_mut(&mut self.cutoffs).add(strike.digest, cutoff, now.unix_millis()) {
            true => Judged::Taken,
            false => Judged::Later,
        }
    }

    /// The name under which all workers keep what they were told.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes in what the store has.
    pub(crate) fn join(&mut self, value: Option<&[u8]>) -> Joined {
        let joined = match value {
            // To change nothing would copy what the streams under way share.
            Some(value) if self.cutoffs.is_kept_as(value) => Joined { write: None, foreign: false },
            _ => Rc::make_mut(&mut self.cutoffs).join(value),
        };
        if joined.write.is_none() && !self.transmitter.polled.is_waiting() {
            self.kept();
        }
        joined
    }

    /// All that was taken is in the store.
    fn kept(&mut self) {
        self.acks.append(&mut self.taken);
        if !std::mem::take(&mut self.more) {
            return;
        }
        match self.at_once.checked_sub(1) {
            Some(left) => {
                self.at_once = left;
                self.transmitter.polled.ask_at_once();
            }
            None => self.at_once = MAX_AT_ONCE,
        }
    }

    /// Why the last answer was not taken, or what was wrong with it.
    pub(crate) fn error(&self) -> Option<String> {
        self.transmitter.polled.error().map(|why| format!("security events: {why}"))
    }
}

/// RFC 8936 §2.3: `sets` by their ids.
fn read(fresh: &Fresh) -> Option<Object> {
    match json::read(&fresh.body, &LIMITS).ok()? {
        Value::Object(delivered) => {
            delivered.get("sets")?.as_object()?;
            Some(delivered)
        }
        _ => None,
    }
}

/// In one answer; as many as fit into [`MAX_BYTES`] if they are as long as tokens may be.
const MAX_EVENTS: i64 = 100;
pub(crate) const MAX_BYTES: usize = 1 << 20;
const LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 4, items: 512 };
/// Polls without a pause before the next ordinary one: a long backlog is soon read, and a transmitter that always
/// has more does not keep a worker busy.
const MAX_AT_ONCE: u8 = 16;
/// As much clock difference as issuers are allowed.
const LEEWAY_MS: u64 = 60_000;
/// No token lives for longer than a day (`max_lifetime_seconds`), give or take two clocks.
const KEPT_MS: u64 = 86_400_000 + 2 * LEEWAY_MS;
