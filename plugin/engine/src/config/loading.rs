//! A configuration with a bundle, made step by step: a bundle may hold thousands of policies and a hundred
//! thousand agents, and a host must not be kept waiting for all of them.
//!
//! What there may be much of is cut where it can be cut: into agents, policies, and elements of every other
//! array. What is left is one step: the sections themselves, and the schema that their tools make. Nothing is
//! in force before all of it is done, and nothing at all if anything is wrong with it.

use std::rc::Rc;

use super::fields::{Node, Problems as Collected};
use super::law::{self, Early};
use super::parts::{self, Fetched, Parts};
use super::roster::Enrolling;
use super::{Blueprint, Configuration, Problems, people, published};
use crate::bundle::{CONTENTS_LIMITS, NotOpened};
use crate::json::{Object, Piece, Pieces, Value};
use crate::policy::{Definition, Loader, PolicyFile};

/// A bundle whose signature holds, on its way into force.
pub(crate) struct Loading {
    document: Rc<Value>,
    digest: String,
    text: Vec<u8>,
    pieces: Pieces,
    stage: Stage,
    problems: Collected,
}

enum Stage {
    Splitting(Split),
    Enrolling(Box<Enrolled>),
    Assembled(Box<Parts>),
    Enacting(Box<Parts>, Box<Loader>),
    Over,
}

/// What a bundle is made of.
#[derive(Default)]
struct Split {
    members: Vec<(String, Value)>,
    files: Option<Vec<PolicyFile>>,
    /// Where the agents begin, and how many there are.
    agents: Option<(Pieces, usize)>,
    into: Target,
    /// Of the element that comes next.
    number: usize,
}

/// Where the elements of the present array go.
#[derive(Clone, Copy, Default)]
enum Target {
    #[default]
    Members,
    Files,
    Agents,
}

struct Enrolled {
    contents: Value,
    definition: Definition,
    enrolling: Enrolling,
    files: Option<Vec<PolicyFile>>,
    number: usize,
}

/// What came of a step.
pub(crate) enum Step {
    /// About so many microseconds of work are done, and there is more.
    More(u32),
    Done(Box<Configuration>),
}

impl Loading {
    /// Of a bundle that was opened.
    pub(crate) fn new(blueprint: &Blueprint, (text, digest): (Vec<u8>, String)) -> Self {
        let (document, problems) = (Rc::clone(&blueprint.document), Collected::default());
        let (pieces, stage) = (Pieces::new(&CONTENTS_LIMITS), Stage::Splitting(Split::default()));
        Self { document, digest, text, pieces, stage, problems }
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Does a little of the work. `current`: the configuration in force. An error is everything that is wrong with the bundle, and ends it.
    pub(crate) fn step(&mut self, current: &Configuration) -> Result<Step, String> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Splitting(split) => self.split(split),
            Stage::Assembled(parts) => Ok(self.assembled(parts, current)),
            Stage::Enrolling(enrolled) => self.enrol(enrolled),
            Stage::Enacting(parts, loader) => self.enact(parts, loader),
            Stage::Over => Err("is over".to_owned()),
        }
    }

    fn split(&mut self, mut split: Split) -> Result<Step, String> {
        let malformed = |why| NotOpened::Contents(why).to_string();
        let piece = self.pieces.next(&self.text).map_err(malformed)?;
        let mut cost = PIECE;
        match piece {
            Piece::Member(name, at) => {
                cost = of_text(at.len());
                split.members.push((name, self.pieces.value(&self.text, at).map_err(malformed)?));
            }
            Piece::Array(name) => split.begin(name, &self.pieces),
            Piece::Element(at) => {
                cost = of_text(at.len());
                match (split.into, &mut split.agents) {
                    (Target::Agents, Some((_, count))) => *count = count.saturating_add(1),
                    _ => {
                        let value = self.pieces.value(&self.text, at).map_err(malformed)?;
                        split.element(value, &mut self.problems);
                    }
                }
            }
            Piece::ArrayEnd => split.into = Target::Members,
            Piece::End => return self.known(split),
        }
        self.stage = Stage::Splitting(split);
        Ok(Step::More(cost))
    }

    /// What agents refer to.
    fn known(&mut self, split: Split) -> Result<Step, String> {
        let Split { members, files, agents, .. } = split;
        let contents = Value::Object(Object::from_pieces(members));
        let mut definition = Definition::default();
        let node = Node::named(&contents, BUNDLE);
        let known = node
            .members(&mut self.problems)
            .map(|mut m| people::known(&mut m, &mut definition, &mut self.problems));
        let count = agents.as_ref().map_or(0, |(_, count)| *count);
        let enrolling = Enrolling::new(known.unwrap_or_default(), count);
        let enrolled = Enrolled { contents, definition, enrolling, files, number: 0 };
        let enrolled = Box::new(enrolled);
        match agents {
            None => return self.assemble(enrolled),
            Some((from, _)) => self.pieces = from,
        }
        self.stage = Stage::Enrolling(enrolled);
        Ok(Step::More(ALL))
    }

    fn enrol(&mut self, mut enrolled: Box<Enrolled>) -> Result<Step, String> {
        let malformed = |why| NotOpened::Contents(why).to_string();
        let Piece::Element(at) = self.pieces.next(&self.text).map_err(malformed)? else {
            return self.assemble(enrolled);
        };
        let (start, length) = (at.start, at.len());
        let value = self.pieces.value(&self.text, at).map_err(malformed)?;
        let node = Node::named(&value, &format!("{BUNDLE}.agents[{}]", enrolled.number));
        enrolled.enrolling.add(&node, (&self.text, start), &mut self.problems);
        enrolled.number = enrolled.number.saturating_add(1);
        self.stage = Stage::Enrolling(enrolled);
        Ok(Step::More(of_text(length).saturating_add(AGENT)))
    }

    /// Everything but the policies.
    fn assemble(&mut self, enrolled: Box<Enrolled>) -> Result<Step, String> {
        let Enrolled { contents, definition, enrolling, files, .. } = *enrolled;
        let early = Early { enrolled: (enrolling, std::mem::take(&mut self.text)), files };
        let (contents, digest) = (&contents, self.digest.clone());
        let fetched = Fetched { contents, early, definition, digest };
        let root = Node::root(&self.document);
        let parts = parts::read(&root, Some(fetched), &mut self.problems);
        let Some(parts) = parts else { return Err(self.wrong()) };
        self.stage = Stage::Assembled(Box::new(parts));
        Ok(Step::More(ALL))
    }

    fn assembled(&mut self, mut parts: Box<Parts>, current: &Configuration) -> Step {
        let files = std::mem::take(&mut parts.files);
        let loader = Loader::new(&parts.definition, files, Some(&current.policy));
        self.stage = Stage::Enacting(parts, Box::new(loader));
        Step::More(ALL)
    }

    fn enact(&mut self, parts: Box<Parts>, mut loader: Box<Loader>) -> Result<Step, String> {
        if let Some(cost) = loader.step() {
            self.stage = Stage::Enacting(parts, loader);
            return Ok(Step::More(cost));
        }
        match loader.finish(&parts.definition, parts.revision) {
            Ok(policy) if self.problems.0.is_empty() => {
                Ok(Step::Done(Box::new(Configuration::with(*parts, policy))))
            }
            Ok(_) => Err(self.wrong()),
            Err(more) => {
                published::also(&mut self.problems, more);
                Err(self.wrong())
            }
        }
    }

    fn wrong(&mut self) -> String {
        Problems(std::mem::take(&mut self.problems.0)).to_string()
    }
}

impl Split {
    fn begin(&mut self, name: String, pieces: &Pieces) {
        self.number = 0;
        match name.as_str() {
            "agents" => {
                self.agents = Some((pieces.clone(), 0));
                self.into = Target::Agents;
            }
            "policies" => {
                self.files = Some(Vec::new());
                self.into = Target::Files;
            }
            _ => {
                self.members.push((name, Value::Array(Vec::new())));
                self.into = Target::Members;
            }
        }
    }

    fn element(&mut self, value: Value, problems: &mut Collected) {
        match (self.into, &mut self.files, self.members.last_mut()) {
            (Target::Files, Some(files), _) => {
                let path = format!("{BUNDLE}.policies[{}]", self.number);
                files.extend(law::file(&Node::named(&value, &path), problems));
            }
            (_, _, Some((_, Value::Array(items)))) => items.push(value),
            _ => {}
        }
        self.number = self.number.saturating_add(1);
    }
}

/// Reading goes through some fifty bytes in a microsecond.
fn of_text(length: usize) -> u32 {
    u32::try_from(length / 50).unwrap_or(u32::MAX).saturating_add(PIECE)
}

/// As problems name it.
const BUNDLE: &str = "bundle";
/// Microseconds in WebAssembly, roughly.
const PIECE: u32 = 2;
const AGENT: u32 = 15;
/// What can't be cut: nothing else is done with it.
const ALL: u32 = 1_000_000;
