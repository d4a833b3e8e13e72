//! The sections that say who may do what: in the configuration itself, or in a signed bundle, and
//! never in both.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::fields::{Members, Node, Problems};
use super::people::{self, Registered};
use super::roster::Enrolling;
use super::{bundle, revocations, surface};
use crate::bundle::Opened;
use crate::model::Timestamp;
use crate::policy::{Definition, PolicyFile};
use crate::protocol::ToolEntry;
use crate::registry::Revocations;

/// Who may do what.
pub(super) struct Law<'a> {
    pub(super) registered: Registered,
    pub(super) revocations: Revocations,
    pub(super) routes: Vec<Node<'a>>,
    /// The tools of each server; none: the servers of the configuration list their own.
    pub(super) catalogue: Option<Catalogue>,
    /// The skills of each A2A agent; likewise.
    pub(super) skills: Option<Catalogue>,
    pub(super) files: Vec<PolicyFile>,
    pub(super) revision: u64,
    /// Of a bundle: when it was made and when it ends.
    pub(super) term: Option<Term>,
}

/// Tools by server, or skills by agent.
pub(super) type Catalogue = BTreeMap<String, BTreeMap<String, ToolEntry>>;

/// When a bundle was made, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) issued_at: Timestamp,
    pub(crate) expires: Timestamp,
}

/// From the configuration itself.
pub(super) fn inline<'a>(
    members: &mut Members<'a>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Law<'a> {
    let registered = people::read(members, definition, problems);
    let revocations = revocations::read(members, problems);
    let routes = members.items("http", problems);
    // A problem is noted where there are none; the rest is read all the same.
    let policy = members.need("policy", problems).and_then(|n| policy(&n, problems));
    let (files, revision) = policy.unwrap_or_default();
    let (catalogue, skills, term) = (None, None, None);
    Law { registered, revocations, routes, catalogue, skills, files, revision, term }
}

/// Of a bundle that is not there yet: nothing is known and nothing is permitted.
pub(super) fn awaited<'a>() -> Law<'a> {
    Law {
        registered: people::nobody(),
        revocations: Revocations::default(),
        routes: Vec::new(),
        catalogue: Some(Catalogue::new()),
        skills: Some(Catalogue::new()),
        files: Vec::new(),
        revision: 0,
        term: None,
    }
}

/// What was taken out of a bundle already, piece by piece, because there may be so much of it. The sections that
/// agents refer to have been read as well, into the definition.
pub(super) struct Early {
    /// The agents, and the text they were taken from.
    pub(super) enrolled: (Enrolling, Vec<u8>),
    /// None: there is no such section, or it is no array.
    pub(super) files: Option<Vec<PolicyFile>>,
}

/// From the contents of a bundle.
pub(super) fn signed<'a>(
    contents: &Node<'a>,
    early: Option<Early>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Option<Law<'a>> {
    let mut members = contents.members(problems)?;
    let (revision, term) = bundle::head(&mut members, problems)?;
    let law = sections(&mut members, early, definition, problems);
    members.close(problems);
    law.map(|law| Law { revision, term: Some(term), ..law })
}

/// What the configuration may not say because a bundle does.
pub(super) fn refuse_inline(members: &mut Members<'_>, problems: &mut Problems) {
    for name in SECTIONS {
        if members.maybe(name).is_some() {
            problems.add(members.at(name), "comes from the bundle; it can't be in both");
        }
    }
}

/// What a list of revocations says.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) revision: u64,
    pub(crate) term: Term,
    pub(crate) revocations: Rc<Revocations>,
}

/// Reads a list of revocations.
pub(crate) fn read_feed(opened: &Opened) -> Result<Feed, super::Problems> {
    let mut problems = Problems::default();
    let feed = Node::root(&opened.contents).members(&mut problems).and_then(|mut members| {
        let (revision, term) = bundle::head(&mut members, &mut problems)?;
        let revocations = Rc::new(revocations::read(&mut members, &mut problems));
        members.close(&mut problems);
        Some(Feed { revision, term, revocations })
    });
    match feed {
        Some(feed) if problems.0.is_empty() => Ok(feed),
        _ => Err(super::Problems(problems.0)),
    }
}

/// The sections of a bundle, without its head.
pub(super) fn sections<'a>(
    members: &mut Members<'a>,
    early: Option<Early>,
    definition: &mut Definition,
    problems: &mut Problems,
) -> Option<Law<'a>> {
    let (registered, early) = match early {
        None => (people::read(members, definition, problems), None),
        Some(Early { enrolled, files }) => {
            for name in people::SECTIONS {
                members.maybe(name);
            }
            // Where they are no array they have not been taken out, and this says so.
            members.items("agents", problems);
            (people::registered(members, enrolled, definition, problems), files)
        }
    };
    let revocations = revocations::read(members, problems);
    let routes = members.items("http", problems);
    let mut offered = |name, skills: bool| {
        let mut catalogue = Catalogue::new();
        let servers = members.maybe(name).and_then(|n| n.entries(problems)).unwrap_or_default();
        for (server, node) in servers {
            let named = match skills {
                true => &mut definition.remote_agents,
                false => &mut definition.servers,
            };
            named.push(server.to_owned());
            let nodes = node.items(problems).unwrap_or_default();
            let offered = surface::catalogue((server, skills), &nodes, definition, problems);
            catalogue.insert(server.to_owned(), offered);
        }
        Some(catalogue)
    };
    let (catalogue, skills) = (offered("tools", false), offered("skills", true));
    let files = match early {
        Some(files) => files,
        None => members.need("policies", problems).and_then(|n| files(&n, problems))?,
    };
    Some(Law { registered, revocations, routes, catalogue, skills, files, revision: 0, term: None })
}

fn policy(node: &Node<'_>, problems: &mut Problems) -> Option<(Vec<PolicyFile>, u64)> {
    let mut members = node.members(problems)?;
    let revision =
        members.need("revision", problems).and_then(|n| n.number(0, LAST_REVISION, problems));
    let files = members.need("files", problems).and_then(|n| files(&n, problems));
    members.close(problems);
    Some((files?, revision?))
}

fn files(node: &Node<'_>, problems: &mut Problems) -> Option<Vec<PolicyFile>> {
    let mut files = Vec::new();
    for node in node.items(problems)? {
        files.extend(file(&node, problems));
    }
    Some(files)
}

/// One file of policies.
pub(super) fn file(node: &Node<'_>, problems: &mut Problems) -> Option<PolicyFile> {
    let mut members = node.members(problems)?;
    let name = members.need_text("name", problems);
    let text = members.need_text("text", problems);
    members.close(problems);
    Some(PolicyFile { name: name?.to_owned(), text: text?.to_owned() })
}

/// The sections of a bundle, as the configuration calls them.
const SECTIONS: [&str; 8] =
    ["attributes", "teams", "humans", "agents", "grants", "revocations", "http", "policy"];
/// The last integer that every JSON reader reads alike.
pub(super) const LAST_REVISION: u64 = (1 << 53) - 1;
