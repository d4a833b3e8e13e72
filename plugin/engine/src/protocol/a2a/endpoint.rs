//! One A2A agent as configured: where it is, how it may be spoken to, what it is known to do.

use std::rc::Rc;

use super::Version;
use super::card::CardRules;
use crate::protocol::mcp::Catalogue;
use crate::protocol::{Problem, path};

/// One A2A agent, as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct A2aParts {
    /// JSON path in the configuration, for problems.
    pub(crate) at: String,
    pub(crate) server: String,
    /// Path of the JSON-RPC binding.
    pub(crate) json_rpc: Option<String>,
    /// What precedes the paths of the HTTP+JSON binding.
    pub(crate) http_json: Option<String>,
    /// Path of the agent card.
    pub(crate) card: Option<String>,
    pub(crate) versions: Vec<Version>,
    pub(crate) tenant: Option<String>,
    /// Scheme, host and port under which clients reach this gateway.
    pub(crate) origin: Option<String>,
    /// What the card must call the agent.
    pub(crate) name: Option<String>,
    /// Its skills.
    pub(crate) catalogue: Catalogue,
    /// The member of a message's metadata that names a skill.
    pub(crate) skill_member: Option<String>,
    /// Hosts, with a port if need be, that push notifications may go to.
    pub(crate) push_hosts: Vec<String>,
    /// Whose a task is, is for the server and for policy to say.
    pub(crate) open_tasks: bool,
    pub(crate) allowed_origins: Vec<String>,
    /// Longest answer, or single event of one, in bytes.
    pub(crate) response_limit: usize,
}

/// One A2A agent, checked.
#[derive(Debug)]
pub(crate) struct A2aEndpoint {
    parts: A2aParts,
    /// With the tenant.
    base: Option<String>,
    catalogue: Rc<Catalogue>,
    card: Rc<CardRules>,
}

impl A2aEndpoint {
    /// Of parts that [`A2aParts::problems`] has nothing to say about, or it won't be used.
    pub(in crate::protocol) fn new(mut parts: A2aParts) -> Self {
        let catalogue = Rc::new(std::mem::take(&mut parts.catalogue));
        let base = parts.http_json.as_ref().map(|base| match &parts.tenant {
            Some(tenant) => format!("{base}/{tenant}"),
            None => base.clone(),
        });
        let card = Rc::new(CardRules::of(&parts));
        Self { parts, base, catalogue, card }
    }

    pub(in crate::protocol) fn at(&self, member: &str) -> String {
        format!("{}.{member}", self.parts.at)
    }

    /// Its name: the id of the `RemoteAgent`, and the first half of its skills' ids.
    pub(crate) fn server(&self) -> &str {
        &self.parts.server
    }

    /// What it is known to do.
    pub(crate) fn catalogue(&self) -> &Rc<Catalogue> {
        &self.catalogue
    }

    /// Exact paths, each with the member it is of.
    pub(in crate::protocol) fn paths(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let paths = [("json_rpc", &self.parts.json_rpc), ("card", &self.parts.card)];
        paths.into_iter().filter_map(|(member, path)| Some((member, path.as_deref()?)))
    }

    /// What precedes the paths of HTTP+JSON.
    pub(in crate::protocol) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The versions that are served, latest first.
    pub(in crate::protocol) fn version_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for version in Version::ALL {
            if self.accepts(version) {
                names.push(version.as_str().to_owned());
            }
        }
        names
    }

    pub(super) fn accepts(&self, version: Version) -> bool {
        self.parts.versions.contains(&version)
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        self.parts.tenant.as_deref()
    }

    pub(super) fn skill_member(&self) -> Option<&str> {
        self.parts.skill_member.as_deref()
    }

    /// Whether a message can name its skill.
    pub(crate) fn names_skills(&self) -> bool {
        self.parts.skill_member.is_some()
    }

    pub(super) fn may_push_to(&self, host: &str) -> bool {
        self.parts.push_hosts.iter().any(|allowed| allowed == host)
    }

    /// Whether ids are passed on as they are.
    pub(crate) fn has_open_tasks(&self) -> bool {
        self.parts.open_tasks
    }

    pub(super) fn card(&self) -> &Rc<CardRules> {
        &self.card
    }

    /// Compared byte for byte, as for MCP.
    pub(super) fn allows_origin(&self, origin: &str) -> bool {
        self.parts.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    pub(super) fn response_limit(&self) -> usize {
        self.parts.response_limit
    }
}

impl A2aParts {
    pub(in crate::protocol) fn problems(&self) -> Vec<Problem> {
        let named = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let good = |name: &str| !name.is_empty() && !name.contains(char::is_control);
        let plain = |path: &String| path::segments(path).is_some() && !path.contains(['%', '?']);
        let base = |path: &String| plain(path) && !path.ends_with('/');
        let host =
            |host: &String| super::urls::host(&format!("https://{host}/")).as_ref() == Some(host);
        let segment = |t: &String| t.bytes().all(super::rest::is_plain) && !t.is_empty();
        let bound = self.json_rpc.is_some() || self.http_json.is_some();
        let placed = self.card.is_none() || self.origin.is_some();
        let modern = self.http_json.is_none() || self.accepts(Version::V1_0);
        let checks = [
            ("server", !self.server.is_empty() && self.server.bytes().all(named), SERVER),
            ("json_rpc", bound, BINDING),
            ("json_rpc", self.json_rpc.as_ref().is_none_or(plain), PATH),
            ("http_json", self.http_json.as_ref().is_none_or(base), BASE),
            ("http_json", modern, MODERN),
            ("card", self.card.as_ref().is_none_or(plain), PATH),
            ("origin", placed, ORIGIN_MISSING),
            ("origin", self.origin.as_deref().is_none_or(super::urls::is_origin), ORIGIN),
            ("versions", !self.versions.is_empty(), VERSIONS),
            ("tenant", self.tenant.as_ref().is_none_or(segment), TENANT),
            ("skills", self.catalogue.skills.keys().all(|name| good(name)), NAME),
            ("push_hosts", self.push_hosts.iter().all(host), HOST),
        ];
        let broken = checks.into_iter().filter(|(_, holds, _)| !holds);
        broken
            .map(|(member, _, message)| Problem {
                path: format!("{}.{member}", self.at),
                message: message.to_owned(),
            })
            .collect()
    }

    fn accepts(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }
}

const SERVER: &str = "must be made of a to z, 0 to 9, `_` and `-`";
const BINDING: &str = "or http_json must be there: nothing would be served";
const PATH: &str = "is not a path that a request can have, without percent-encoding";
const BASE: &str =
    "is not a path that a request can have, without percent-encoding and without a `/` at its end";
const MODERN: &str = "needs \"1.0\" among versions: HTTP+JSON is not served in 0.3";
const ORIGIN_MISSING: &str = "is missing: a card says where its agent is reached";
const ORIGIN: &str = "must be scheme, host and port, as `https://gateway.example`: no path";
const VERSIONS: &str = "must name one at least";
const TENANT: &str = "must be made of letters, digits, `-`, `.`, `_` and `~`";
const NAME: &str = "has a name that is empty or holds a control character";
const HOST: &str = "holds one that is not a host, in lower case, with a port if need be";
