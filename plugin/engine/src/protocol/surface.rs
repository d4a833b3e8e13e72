//! Everything this gateway serves, and where in it a request belongs.

use std::collections::BTreeSet;

use super::a2a::{self, A2aEndpoint, A2aParts, Call};
use super::http::{Route, RouteParts};
use super::mcp::{self, Drift, McpEndpoint, McpParts, Sealer, Verb};
use super::path::{self, Target};
use super::{Read, over, overrides};
use crate::decision::{Reason, Shape};
use crate::evidence::{Head, Line};
use crate::model::sorted;
use crate::model::{Actor, Asked, ProtocolName};

/// Everything this gateway serves. What is not here is refused.
#[derive(Debug)]
pub(crate) struct Surface {
    mcp: Vec<McpEndpoint>,
    a2a: Vec<A2aEndpoint>,
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
    /// A request to an agent, still unread.
    A2a { endpoint: &'a A2aEndpoint, call: Call },
    /// A route; all there is to read has been read.
    Http(Asked),
}

impl Surface {
    /// # Errors
    /// Everything that is wrong, not only the first thing.
    pub(crate) fn new(
        mcp: Vec<McpParts>,
        a2a: Vec<A2aParts>,
        http: Vec<RouteParts>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<_> = mcp.iter().flat_map(McpParts::problems).collect();
        problems.extend(a2a.iter().flat_map(A2aParts::problems));
        let mcp: Vec<_> = mcp.into_iter().map(McpEndpoint::new).collect();
        let a2a: Vec<_> = a2a.into_iter().map(A2aEndpoint::new).collect();
        let mut sound = |route: Result<Route, Problem>| route.map_err(|p| problems.push(p)).ok();
        let routes: Vec<_> = http.into_iter().map(Route::new).filter_map(&mut sound).collect();
        let exact = exact(&mcp, &a2a);
        problems.extend(twins(&names(&mcp, &a2a)));
        problems.extend(twins(&exact));
        problems.extend(overlaps(&exact, &routes));
        problems.extend(entered(&a2a, &exact, &routes));
        let mut seen = BTreeSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { mcp, a2a, routes })
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
        let query = line.path.split_once('?').map(|(_, query)| query);
        let call = |e| Some((e, Call::of(e, line.method, path, query)?));
        if let Some((endpoint, call)) = self.a2a.iter().find_map(call) {
            let shape = Shape::A2a(call.shape());
            // Its own reader knows what a path of it is made of, but for what nobody would see alike.
            let readable = Target::parse(line.path).ok_or(Reason::PathAmbiguous);
            // As of MCP: what comes after an upgrade is not A2A.
            let upgrade = head.has("upgrade") || line.protocol.is_some();
            let plain = if upgrade { Err(Reason::RequestMalformed) } else { Ok(()) };
            return match unambiguous(head).and(readable).and(plain) {
                Ok(_) => Ok(Place::A2a { endpoint, call }),
                Err(reason) => Err((reason, shape)),
            };
        }
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

    /// A2A agents whose ids of tasks have to be sealed.
    pub(crate) fn sealed(&self) -> impl Iterator<Item = String> {
        self.a2a.iter().filter(|e| !e.has_open_tasks()).map(|e| e.at("tasks"))
    }

    /// The versions accepted at that path, latest first.
    pub(crate) fn versions_at(&self, path: &str) -> Vec<String> {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if let Some(e) = self.a2a.iter().find(|e| Call::of(e, "", path, None).is_some()) {
            return e.version_names();
        }
        let endpoint = self.mcp.iter().find(|e| e.path() == path);
        let versions = sorted::set(endpoint.into_iter().flat_map(McpEndpoint::versions));
        versions.into_iter().rev().map(|v| v.as_str().to_owned()).collect()
    }
}

impl Place<'_> {
    /// How it is asked.
    pub(crate) fn protocol(&self) -> ProtocolName {
        match self {
            Self::Mcp { .. } => ProtocolName::Mcp,
            Self::A2a { .. } => ProtocolName::A2a,
            Self::Http(_) => ProtocolName::Http,
        }
    }

    /// The form a refusal takes as long as only the head is known.
    pub(crate) fn shape(&self, head: &Head) -> Shape {
        match self {
            Self::Mcp { .. } => mcp::shape(head),
            Self::Http(_) => over::shape(head),
            Self::A2a { call, .. } => Shape::A2a(call.shape()),
        }
    }

    /// The name of the server, if it has one.
    pub(crate) fn server(&self) -> Option<&str> {
        match self {
            Self::Mcp { endpoint, .. } => Some(endpoint.server()),
            Self::A2a { endpoint, .. } => Some(endpoint.server()),
            Self::Http(_) => None,
        }
    }

    /// The A2A agent, if it is one.
    pub(crate) fn a2a(&self) -> Option<&A2aEndpoint> {
        match self {
            Self::A2a { endpoint, .. } => Some(endpoint),
            Self::Mcp { .. } | Self::Http(_) => None,
        }
    }

    /// The MCP server, if it is one.
    pub(crate) fn mcp(&self) -> Option<&McpEndpoint> {
        match self {
            Self::Mcp { endpoint, .. } => Some(endpoint),
            Self::A2a { .. } | Self::Http(_) => None,
        }
    }

    /// Reads what is asked for, as far as the head and the body go. `body_limit`: longest body. `by`: who
    /// asks, and what their ids are sealed with.
    pub(crate) fn read(
        &self,
        head: &Head,
        (body, body_limit): (Option<&[u8]>, usize),
        (sealer, actor): (&Sealer, &Actor),
    ) -> Read {
        match self {
            Self::Mcp { endpoint, verb } => mcp::read(endpoint, *verb, head, body, body_limit),
            Self::A2a { endpoint, call } => {
                let sessions = sealer.of(endpoint.server(), actor);
                a2a::read(endpoint, call, head, (body, body_limit), &sessions)
            }
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

/// What only one may have, and the member that says so.
type Claim = (String, String);

fn names(mcp: &[McpEndpoint], a2a: &[A2aEndpoint]) -> Vec<Claim> {
    let mut names: Vec<Claim> = Vec::new();
    names.extend(mcp.iter().map(|e| (e.at("server"), e.server().to_owned())));
    names.extend(a2a.iter().map(|e| (e.at("server"), e.server().to_owned())));
    names
}

/// Paths that one server alone is at.
fn exact(mcp: &[McpEndpoint], a2a: &[A2aEndpoint]) -> Vec<Claim> {
    let mut paths: Vec<Claim> = Vec::new();
    paths.extend(mcp.iter().map(|e| (e.at("path"), e.path().to_owned())));
    for e in a2a {
        paths.extend(e.paths().map(|(member, path)| (e.at(member), path.to_owned())));
    }
    paths
}

fn twins(claims: &[Claim]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for ((at, text), (twin, other)) in pairs(claims) {
        if text == other {
            problems
                .push(Problem { path: twin.clone(), message: format!("is {text:?}, as is {at}") });
        }
    }
    problems
}

/// Two readings of one request would make the order of the table a rule; there is none.
fn overlaps(exact: &[Claim], routes: &[Route]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (a, b) in pairs(routes).filter(|(a, b)| a.meets(b)) {
        let message = format!("{b} fits requests that {} fits too: {a}", a.at("path"));
        problems.push(Problem { path: b.at("path"), message });
    }
    for (at, text) in exact {
        let Some(path) = path::segments(text) else {
            continue;
        };
        for route in routes.iter().filter(|r| r.covers(&path)) {
            let message = format!("{route} fits {text:?}, which is {at}");
            problems.push(Problem { path: route.at("path"), message });
        }
    }
    problems
}

/// The same of what is below the base of an agent: all of that is its own.
fn entered(a2a: &[A2aEndpoint], exact: &[Claim], routes: &[Route]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for endpoint in a2a {
        let Some(base) = endpoint.base() else { continue };
        let own = endpoint.at("");
        let below = |path: &str| path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        let mut inside: Vec<String> = Vec::new();
        for (at, path) in exact {
            if below(path) && !at.starts_with(&own) {
                inside.push(at.clone());
            }
        }
        for other in a2a.iter().filter(|other| other.server() != endpoint.server()) {
            if other.base().is_some_and(|other| other == base || below(other)) {
                inside.push(other.at("http_json"));
            }
        }
        let segments = path::segments(base).unwrap_or_default();
        for route in routes.iter().filter(|route| route.enters(&segments)) {
            inside.push(route.at("path"));
        }
        for path in inside {
            let message = format!("is below {base:?}, which is {own}http_json");
            problems.push(Problem { path, message });
        }
    }
    problems
}

fn pairs<T>(items: &[T]) -> impl Iterator<Item = (&T, &T)> {
    let later = |i: usize| items.iter().skip(i.saturating_add(1));
    items.iter().enumerate().flat_map(move |(i, a)| later(i).map(move |b| (a, b)))
}
