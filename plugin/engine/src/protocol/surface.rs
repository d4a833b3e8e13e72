//! Everything this gateway serves, and where in it a request belongs.

use std::collections::BTreeSet;

use super::http::{Route, RouteParts};
use super::mcp::{self, Drift, McpEndpoint, McpParts, Verb};
use super::path::{self, Target};
use super::{Read, over, overrides};
use crate::decision::{Reason, Shape};
use crate::evidence::{Head, Line};
use crate::model::{Asked, ProtocolName};

/// Everything this gateway serves. What is not here is refused.
#[derive(Debug)]
pub(crate) struct Surface {
    mcp: Vec<McpEndpoint>,
    routes: Vec<Route>,
}

/// What is wrong with a surface, and where in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// JSON path, such as `http[2].path`.
    pub(crate) path: String,
    /// Completes the sentence that begins with the path.
    pub(crate) message: String,
}

/// Where a request belongs.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    /// A message to an MCP server, still unread, or what comes without one.
    Mcp { endpoint: &'a McpEndpoint, verb: Verb },
    /// A route; all there is to read has been read.
    Http(Asked),
}

impl Surface {
    /// # Errors
    /// Everything that is wrong, not only the first thing.
    pub(crate) fn new(mcp: Vec<McpParts>, http: Vec<RouteParts>) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<_> = mcp.iter().flat_map(McpParts::problems).collect();
        let mcp: Vec<_> = mcp.into_iter().map(McpEndpoint::new).collect();
        let mut sound = |route: Result<Route, Problem>| route.map_err(|p| problems.push(p)).ok();
        let routes: Vec<_> = http.into_iter().map(Route::new).filter_map(&mut sound).collect();
        problems.extend(twins(&mcp));
        problems.extend(overlaps(&mcp, &routes));
        let mut seen = BTreeSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { mcp, routes })
    }

    /// Finds the place of a request.
    ///
    /// # Errors
    /// There is none, or more than one by some reading of the head.
    pub(crate) fn locate(&self, line: Line<'_>, head: &Head) -> Result<Place<'_>, (Reason, Shape)> {
        let (path, queried) = match line.path.split_once('?') {
            Some((path, _)) => (path, true),
            None => (line.path, false),
        };
        let endpoint = self.mcp.iter().find(|e| e.path() == path);
        let place = unambiguous(head).and_then(|()| match endpoint {
            // What comes after an upgrade is not MCP, and nobody could decide about it (threats B16).
            Some(_) if head.has("upgrade") || line.protocol.is_some() => {
                Err(Reason::RequestMalformed)
            }
            // MCP defines no query. One would be for a token (MCP forbids it), for a session, or for a
            // switch of the upstream that nobody decided about; `?` alone is the same path to some and
            // another to others. What is left is the configured path, which was read at the start.
            Some(_) if queried => Err(Reason::PathAmbiguous),
            Some(endpoint) => Ok(Place::Mcp { endpoint, verb: Verb::of(line.method) }),
            None => self.http_place(line, head),
        });
        place.map_err(|reason| {
            (reason, endpoint.map_or_else(|| over::shape(head), |_| mcp::shape(head)))
        })
    }

    fn http_place(&self, line: Line<'_>, head: &Head) -> Result<Place<'_>, Reason> {
        let target = Target::parse(line.path).ok_or(Reason::PathAmbiguous)?;
        if target.query.is_some_and(overrides::in_query) {
            return Err(Reason::OverrideHeader);
        }
        let over = over::of(line, head)?;
        let fits = |route: &&Route| route.fits(line.method, &over, &target.segments);
        let route = self.routes.iter().find(fits).ok_or(Reason::Unmapped)?;
        Ok(Place::Http(route.asked(&target.segments)))
    }

    /// Every tool that is pinned: its server, name and pin, and whether it has drifted.
    pub(crate) fn pinned(&self) -> impl Iterator<Item = (&str, &str, &str, &Drift)> {
        self.mcp.iter().flat_map(|endpoint| {
            let tools = endpoint.catalogue().tools.iter();
            tools.filter_map(move |(name, tool)| {
                let pin = tool.pin.as_deref()?;
                Some((endpoint.server(), name.as_str(), pin, &tool.drifted))
            })
        })
    }

    /// Whether some server may have sessions.
    pub(crate) fn has_sessions(&self) -> bool {
        self.mcp.iter().any(McpEndpoint::is_legacy)
    }

    /// The MCP versions accepted at that path, latest first.
    pub(crate) fn versions_at(&self, path: &str) -> Vec<String> {
        let endpoint = self.mcp.iter().find(|e| e.path() == path);
        let versions: BTreeSet<_> = endpoint.into_iter().flat_map(McpEndpoint::versions).collect();
        versions.into_iter().rev().map(|v| v.as_str().to_owned()).collect()
    }
}

impl Place<'_> {
    /// How it is asked.
    pub(crate) fn protocol(&self) -> ProtocolName {
        match self {
            Self::Mcp { .. } => ProtocolName::Mcp,
            Self::Http(_) => ProtocolName::Http,
        }
    }

    /// The form a refusal takes as long as only the head is known.
    pub(crate) fn shape(&self, head: &Head) -> Shape {
        match self {
            Self::Mcp { .. } => mcp::shape(head),
            Self::Http(_) => over::shape(head),
        }
    }

    /// The MCP server, if it is one.
    pub(crate) fn mcp(&self) -> Option<&McpEndpoint> {
        match self {
            Self::Mcp { endpoint, .. } => Some(endpoint),
            Self::Http(_) => None,
        }
    }

    /// Reads what is asked for, as far as the head and the body go. `body_limit`: longest body.
    pub(crate) fn read(&self, head: &Head, body: Option<&[u8]>, body_limit: usize) -> Read {
        match self {
            Self::Mcp { endpoint, verb } => mcp::read(endpoint, *verb, head, body, body_limit),
            Self::Http(asked) => {
                Read::Asked { asked: vec![asked.clone()], shape: over::shape(head), exchange: None }
            }
        }
    }
}

/// Whether a head asks for one thing only.
fn unambiguous(head: &Head) -> Result<(), Reason> {
    if overrides::in_head(head) {
        return Err(Reason::OverrideHeader);
    }
    Ok(())
}

fn twins(mcp: &[McpEndpoint]) -> Vec<Problem> {
    let twin = |a: &McpEndpoint, b: &McpEndpoint, member: &str, text: &str| Problem {
        path: b.at(member),
        message: format!("is {text:?}, as is {}", a.at(member)),
    };
    let mut problems = Vec::new();
    for (a, b) in pairs(mcp) {
        if a.server() == b.server() {
            problems.push(twin(a, b, "server", a.server()));
        }
        if a.path() == b.path() {
            problems.push(twin(a, b, "path", a.path()));
        }
    }
    problems
}

/// Two readings of one request would make the order of the table a rule; there is none.
fn overlaps(mcp: &[McpEndpoint], routes: &[Route]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (a, b) in pairs(routes).filter(|(a, b)| a.meets(b)) {
        let message = format!("{b} fits requests that {} fits too: {a}", a.at("path"));
        problems.push(Problem { path: b.at("path"), message });
    }
    for endpoint in mcp {
        let Some(path) = path::segments(endpoint.path()) else {
            continue;
        };
        for route in routes.iter().filter(|r| r.covers(&path)) {
            let message =
                format!("{route} fits {:?}, which is {}", endpoint.path(), endpoint.at("path"));
            problems.push(Problem { path: route.at("path"), message });
        }
    }
    problems
}

fn pairs<T>(items: &[T]) -> impl Iterator<Item = (&T, &T)> {
    let later = |i: usize| items.iter().skip(i.saturating_add(1));
    items.iter().enumerate().flat_map(move |(i, a)| later(i).map(move |b| (a, b)))
}
