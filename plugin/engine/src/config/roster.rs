//! The agents of a document, kept as its text: found by id, and read when somebody asks for one.
//!
//! There may be a million of them, and few act at any time. Each costs what is written of it and
//! about eleven bytes; what was asked for last is kept as it was read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use super::fields::{Node, Problems};
use super::people::{self, Known};
use crate::json::{self, Limits, Value};
use crate::model::PrincipalId;
use crate::policy::{Actors, AgentEntity};
use crate::registry::{Agent, Agents, Status};

/// Agents, and what reading one needs.
pub(super) struct Roster {
    text: Vec<u8>,
    places: Places,
    retired: BTreeSet<PrincipalId>,
    known: Known,
    read: RefCell<BTreeMap<PrincipalId, Entry>>,
}

/// One agent, as it was read.
#[derive(Clone)]
struct Entry {
    agent: Rc<Agent>,
    entity: Rc<AgentEntity>,
}

/// A roster under way: agents are taken in one by one.
pub(super) struct Enrolling {
    pub(super) known: Known,
    places: Places,
    retired: BTreeSet<PrincipalId>,
    /// Which agent each workload is.
    pub(super) workloads: BTreeMap<String, PrincipalId>,
    /// Teams that any of them is in or acts for.
    pub(super) teams: BTreeSet<String>,
    pub(super) doubts: people::Doubts,
}

impl Enrolling {
    /// For that many agents.
    pub(super) fn new(known: Known, count: usize) -> Self {
        Self {
            known,
            places: Places::for_as_many_as(count),
            retired: BTreeSet::new(),
            workloads: BTreeMap::new(),
            teams: BTreeSet::new(),
            doubts: people::Doubts::default(),
        }
    }

    /// Takes in the one whose text begins at that place.
    pub(super) fn add(
        &mut self,
        node: &Node<'_>,
        (text, place): (&[u8], usize),
        problems: &mut Problems,
    ) {
        self.doubts.unowned(node, &self.known);
        let Some((id, agent, entity)) = people::agent(node, &self.known, problems) else { return };
        let at = |member: &str| format!("{}.{member}", node.path());
        if self.known.people.human(&id).is_some() {
            problems.add(at("id"), "is the id of a human as well");
        }
        if let Some(spiffe) = &agent.spiffe {
            let before = self.workloads.insert(spiffe.as_str().to_owned(), id.clone());
            if before.is_some() {
                problems.add(at("spiffe"), "is that of another agent as well");
            }
            // Whichever of the two comes first: with a look at all of them at the end, a host would be kept
            // waiting for a hundred thousand.
            if *spiffe != id && self.has(text, spiffe) {
                problems.add(at("spiffe"), twice(spiffe));
            }
        }
        if self.workloads.get(id.as_str()).is_some_and(|of| *of != id) {
            problems.add(at("id"), twice(&id));
        }
        let hash = hash(&id);
        if self.has(text, &id) {
            problems.add(at("id"), "is the id of another agent as well");
            return;
        }
        if !self.places.insert(hash, place) {
            return problems.add(node.path(), "is one too many, or too far into the document");
        }
        if self.known.people.teams().is_none() {
            self.teams.extend(entity.teams);
            let served = agent.delegators.iter().flat_map(|delegators| &delegators.teams);
            self.teams.extend(served.cloned());
        }
        if agent.status == Status::Retired {
            self.retired.insert(id);
        }
    }

    /// Whether an agent of that id has been taken in.
    fn has(&self, text: &[u8], id: &PrincipalId) -> bool {
        self.places.candidates(hash(id)).any(|place| is_of(text, place, id))
    }

    pub(super) fn finish(self, text: Vec<u8>) -> Roster {
        let Self { known, places, retired, .. } = self;
        Roster { text, places, retired, known, read: RefCell::default() }
    }
}

impl Roster {
    pub(super) fn contains(&self, id: &PrincipalId) -> bool {
        self.entry(id).is_some()
    }

    /// What reading an agent of this document needs.
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    fn entry(&self, id: &PrincipalId) -> Option<Entry> {
        // Nobody reads while another does: there is one thread, and reading asks nobody.
        let mut kept = self.read.try_borrow_mut().ok()?;
        if let Some(entry) = kept.get(id) {
            return Some(entry.clone());
        }
        let mut places = self.places.candidates(hash(id));
        let (_, agent, entity) = places.find_map(|place| {
            let value = value(&self.text, place)?;
            // What was read without a problem once has none now.
            let node = Node::named(&value, "agents");
            let read = people::agent(&node, &self.known, &mut Problems::default());
            read.filter(|(found, _, _)| found == id)
        })?;
        let entry = Entry { agent: Rc::new(agent), entity: Rc::new(entity) };
        if kept.len() >= MAX_READ {
            kept.clear();
        }
        kept.insert(id.clone(), entry.clone());
        Some(entry)
    }
}

impl Agents for Roster {
    fn find(&self, id: &PrincipalId) -> Option<Rc<Agent>> {
        self.entry(id).map(|entry| entry.agent)
    }

    fn retired(&self) -> &BTreeSet<PrincipalId> {
        &self.retired
    }
}

impl Actors for Roster {
    fn agent(&self, id: &PrincipalId) -> Option<Rc<AgentEntity>> {
        self.entry(id).map(|entry| entry.entity)
    }

    fn all(&self) -> Vec<PrincipalId> {
        let id = |place| PrincipalId::parse(id_at(&self.text, place)?.as_str()).ok();
        self.places.all().filter_map(id).collect()
    }
}

fn value(text: &[u8], place: usize) -> Option<Value> {
    json::read(json::first(text.get(place..)?)?, &ONE).ok()
}

fn id_at(text: &[u8], place: usize) -> Option<String> {
    Some(value(text, place)?.as_object()?.get("id")?.as_str()?.to_owned())
}

fn is_of(text: &[u8], place: usize, id: &PrincipalId) -> bool {
    id_at(text, place).is_some_and(|found| found == id.as_str())
}

fn twice(spiffe: &PrincipalId) -> String {
    format!("{spiffe} is an agent itself, and that of another")
}

/// The same in every VM: who signs the ids is trusted not to make them collide.
fn hash(id: &PrincipalId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_str().hash(&mut hasher);
    hasher.finish()
}

/// Places by hash: open addressing with linear probing, three quarters full at most. It never grows: how many
/// there will be is known, and to move a million of them would keep a host waiting.
struct Places {
    slots: Vec<Slot>,
    free: usize,
}

/// Part of the hash, and the place plus one; nought: nothing is here.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u32,
    place: u32,
}

impl Places {
    fn for_as_many_as(count: usize) -> Self {
        let slots = count.saturating_add(count / 3).saturating_add(2);
        Self { slots: vec![Slot::default(); slots], free: count }
    }

    /// Places of what has that hash, or another with an equal part of it.
    fn candidates(&self, hash: u64) -> impl Iterator<Item = usize> {
        let slots = self.probe(hash).take_while(|slot| slot.place > 0);
        let fits = slots.filter(move |slot| slot.tag == tag(hash));
        fits.filter_map(|slot| usize::try_from(slot.place.checked_sub(1)?).ok())
    }

    fn insert(&mut self, hash: u64, place: usize) -> bool {
        let Some(place) = place.checked_add(1).and_then(|place| u32::try_from(place).ok()) else {
            return false;
        };
        let Some(left) = self.free.checked_sub(1) else { return false };
        let (start, tag) = (self.start(hash), tag(hash));
        let (before, after) = self.slots.split_at_mut(start);
        let mut slots = after.iter_mut().chain(before);
        let Some(slot) = slots.find(|slot| slot.place == 0) else { return false };
        *slot = Slot { tag, place };
        self.free = left;
        true
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        let places = self.slots.iter().filter_map(|slot| slot.place.checked_sub(1));
        places.filter_map(|place| usize::try_from(place).ok())
    }

    /// All slots, from that of the hash on.
    fn probe(&self, hash: u64) -> impl Iterator<Item = Slot> {
        let (before, after) = self.slots.split_at(self.start(hash));
        after.iter().chain(before).copied()
    }

    /// The upper half of the hash, as a part of the table.
    fn start(&self, hash: u64) -> usize {
        let slots = u64::try_from(self.slots.len()).unwrap_or_default();
        let start = (hash >> 32).saturating_mul(slots) >> 32;
        usize::try_from(start).unwrap_or_default().min(self.slots.len())
    }
}

/// The lower half of the hash.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

/// As many as there are tokens remembered in a generation (`credential::cache`), of about half a kilobyte.
const MAX_READ: usize = 1024;
/// It has passed the limits of its document.
const ONE: Limits = Limits { bytes: usize::MAX, depth: 32, items: usize::MAX };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_again_and_no_more_are_taken_than_there_is_room_for() {
        for count in [0, 1, 2, 3, 100, 1000] {
            let mut places = Places::for_as_many_as(count);
            let hash = |n: usize| {
                let mut hasher = DefaultHasher::new();
                n.hash(&mut hasher);
                hasher.finish()
            };
            for n in 0..count {
                assert!(places.insert(hash(n), n));
            }
            assert!(!places.insert(hash(count), count));
            assert!((0..count).all(|n| places.candidates(hash(n)).any(|place| place == n)));
            assert!(places.candidates(hash(count)).next().is_none());
            let mut all: Vec<_> = places.all().collect();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_spiffe_id_of_one_agent_is_the_id_of_no_other_whichever_comes_first() {
        let workload = "spiffe://acme.example/a";
        let one = format!(r#"{{"id":"{workload}","status":"active"}}"#);
        let other = format!(r#"{{"id":"https://i#b","spiffe":"{workload}","status":"active"}}"#);
        let own = format!(r#"{{"id":"{workload}","spiffe":"{workload}","status":"active"}}"#);
        let problems = |agents: &[&String]| {
            let mut enrolling = Enrolling::new(Known::default(), agents.len());
            let (mut text, mut problems) = (String::new(), Problems::default());
            for agent in agents {
                let place = text.len();
                text.push_str(agent);
                let value = json::read(agent.as_bytes(), &ONE).unwrap();
                let node = Node::named(&value, "agents");
                enrolling.add(&node, (text.as_bytes(), place), &mut problems);
            }
            problems.0.into_iter().map(|problem| problem.to_string()).collect::<Vec<_>>()
        };
        let twice = format!("{workload} is an agent itself, and that of another");
        assert_eq!(problems(&[&one, &other]), [format!("agents.spiffe: {twice}")]);
        assert_eq!(problems(&[&other, &one]), [format!("agents.id: {twice}")]);
        assert_eq!(problems(&[&own]), [""; 0]);
    }

    #[test]
    fn what_collides_is_told_apart_and_stays_within_the_table() {
        let mut places = Places::for_as_many_as(4);
        for n in 0..4 {
            assert!(places.insert(u64::MAX, n));
        }
        assert_eq!(places.candidates(u64::MAX).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(places.candidates(u64::MAX - 1).count(), 0);
    }
}
