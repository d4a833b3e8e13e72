//! Agents that the registry does not list, looked up one by one when they act: the path for more of them than
//! a bundle may hold.
//!
//! Who is looked up has proven who it is, and is registered nowhere else. What is said of it counts for as long
//! as the configuration says, also that there is no such agent; it is asked for again in the background, before
//! it lapses, for as long as the agent acts. An answer that is no good replaces nothing, and nothing counts
//! longer because nobody can be asked. Equal lookups share one call: hosts see to that. Not here: what is asked
//! and what its answer means (`scim`), what is kept (`kept`), how a registration is read (`config`).

mod kept;
mod scim;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use kept::{Answer, Kept, Slot};

use crate::config::{AgentSource, Configuration, Registration};
use crate::fetch::{Document, Endpoint, Fetch, FetchReply};
use crate::json::Value;
use crate::model::{PrincipalId, Timestamp};
use crate::policy::LookedUp;
use crate::registry::Agent;
use crate::trust::{Clock, Elapsed};

/// A directory, and what it has said lately.
pub(crate) struct Directory {
    source: AgentSource,
    state: RefCell<State>,
}

struct State {
    clock: Clock,
    kept: Kept,
    /// Lookups to make in the background.
    wanted: Vec<Fetch>,
    /// How many registrations were read.
    versions: u64,
    /// About whom the last answer was that was not taken, and why not.
    error: Option<(PrincipalId, String)>,
}

/// An agent that was looked up, as the registry and as policy sees it.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) agent: Rc<Agent>,
    pub(crate) entity: Rc<LookedUp>,
}

impl Directory {
    pub(crate) fn new(source: AgentSource) -> Self {
        let kept = Kept::of(source.most);
        let (clock, wanted, versions, error) = (Clock::default(), Vec::new(), 0, None);
        Self { source, state: RefCell::new(State { clock, kept, wanted, versions, error }) }
    }

    /// What is said of an agent that the registry does not list; none: there is no such agent. An error is what
    /// may help: a lookup, or nothing for now.
    pub(crate) fn find(
        &self,
        id: &PrincipalId,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Result<Option<Found>, Option<Fetch>> {
        // Nobody is both; in a bundle it would be a mistake.
        if configuration.registry.is_human(id) {
            return Ok(None);
        }
        // Nobody looks while another does: there is one thread.
        let mut state = self.state.try_borrow_mut().map_err(|_| None)?;
        let State { clock, kept, wanted, versions, .. } = &mut *state;
        let now = clock.at(now);
        let Some(slot) = kept.find(id) else { return Err(Some(self.lookup(id))) };
        let age = now.since(slot.since);
        match &mut slot.answer {
            Some(Answer::Nobody) if age < self.source.negative_max_age_ms => return Ok(None),
            Some(Answer::Agent { text, read, fits }) if age < self.source.max_age_ms => {
                if !*fits
                    && let Some(agent) = scim::read(text.as_bytes())
                    && let Ok(again) = configuration.registration(&agent)
                {
                    *read = found(again, versions);
                    *fits = true;
                }
                if *fits {
                    let due = age >= self.source.max_age_ms / 2;
                    let rests = pauses(slot.begun, now) || pauses(slot.failed, now);
                    if due && !rests && wanted.len() < MAX_WANTED {
                        slot.begun = Some(now);
                        wanted.push(self.lookup(id));
                    }
                    return Ok(Some(read.clone()));
                }
            }
            _ => {}
        }
        // A directory that does not answer is not asked by every request.
        Err((!pauses(slot.failed, now)).then(|| self.lookup(id)))
    }

    /// What was said last of an agent, however long ago; none: nothing is known. For what is on its way
    /// already and can't wait.
    pub(crate) fn last(&self, id: &PrincipalId) -> Option<Option<Rc<Agent>>> {
        let state = self.state.try_borrow().ok()?;
        match state.kept.look(id)?.answer.as_ref()? {
            Answer::Nobody => Some(None),
            Answer::Agent { read, .. } => Some(Some(Rc::clone(&read.agent))),
        }
    }

    /// The lookups to make in the background.
    pub(crate) fn due(&self) -> Vec<Fetch> {
        let state = self.state.try_borrow_mut();
        state.map(|mut state| std::mem::take(&mut state.wanted)).unwrap_or_default()
    }

    /// Takes in what came of a lookup.
    pub(crate) fn learn(
        &self,
        fetch: &Fetch,
        reply: FetchReply,
        configuration: &Configuration,
        now: Timestamp,
    ) {
        let Document::Agent(id) = fetch.document() else { return };
        let Ok(mut state) = self.state.try_borrow_mut() else { return };
        let State { clock, kept, versions, error, .. } = &mut *state;
        let now = clock.at(now);
        let mut slot = kept.take(id).unwrap_or_else(|| Slot::of(id.clone(), now));
        let strange = matches!(reply, FetchReply::Answered { status: 404, .. });
        let taken = match scim::answer(reply, id) {
            Ok(Some(agent)) => take_in(&mut slot, &agent, configuration, versions),
            Ok(None) => {
                slot.answer = Some(Answer::Nobody);
                Ok(())
            }
            Err(why) => Err(why),
        };
        slot.begun = None;
        let why = match taken {
            Ok(()) => {
                (slot.since, slot.failed) = (now, None);
                strange.then(|| NOT_FOUND.to_owned())
            }
            Err(why) => {
                slot.failed = Some(now);
                Some(why)
            }
        };
        *error = why.map(|why| (id.clone(), why));
        kept.put(slot);
    }

    /// Why the last answer to that lookup was not taken.
    pub(crate) fn error(&self, fetch: &Fetch) -> Option<String> {
        let state = self.state.try_borrow().ok()?;
        let (id, why) = state.error.as_ref()?;
        let is_of = matches!(fetch.document(), Document::Agent(of) if of == id);
        is_of.then(|| format!("{}: {why}", fetch.document().name()))
    }

    /// Another document is in force: what is kept is read again by its rules, when it is asked for.
    pub(crate) fn read_anew(&self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.kept.outdate();
        }
    }

    fn lookup(&self, id: &PrincipalId) -> Fetch {
        let AgentSource { endpoint, authorization, .. } = &self.source;
        let endpoint = Endpoint { path: scim::path(&endpoint.path, id), ..endpoint.clone() };
        Fetch::get(Document::Agent(id.clone()), endpoint, authorization.clone())
    }
}

/// What is kept of an agent from now on. If it is what there was, it has been read already; if it can't be read,
/// what there was stays.
fn take_in(
    slot: &mut Slot,
    agent: &Value,
    configuration: &Configuration,
    versions: &mut u64,
) -> Result<(), String> {
    let text = agent.to_text();
    if let Some(Answer::Agent { text: known, fits: true, .. }) = &slot.answer
        && *known == text
    {
        return Ok(());
    }
    let read = found(configuration.registration(agent)?, versions);
    slot.answer = Some(Answer::Agent { text, read, fits: true });
    Ok(())
}

fn found((id, agent, entity): Registration, versions: &mut u64) -> Found {
    *versions = versions.saturating_add(1);
    Found { agent: Rc::new(agent), entity: Rc::new(LookedUp::new(id, entity, *versions)) }
}

/// Whether it is too early to ask again after that.
fn pauses(last: Option<Elapsed>, now: Elapsed) -> bool {
    last.is_some_and(|last| now.since(last) < BACKOFF_MS)
}

/// It may be that of a path that is not the right one.
const NOT_FOUND: &str = "status 404, taken for no such agent; SCIM has an empty list for that";
/// As long as a lookup may take: one is under way, or a directory that did not answer is left alone.
const BACKOFF_MS: u64 = 2 * 1000;
/// Between two ticks; who is left out is asked about later, or waited for once.
const MAX_WANTED: usize = 32;
