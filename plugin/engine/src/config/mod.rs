//! The configuration: JSON into typed parts, whole or not at all.
//!
//! `docs/configuration.md` is its reference; its example is loaded by a test, which also looks for
//! every member in its table. Not here: what the parts do.

mod a2a;
mod approvals;
mod behavior;
mod bundle;
mod credentials;
mod directory;
mod fields;
mod grants;
mod groups;
mod input_schema;
mod issuers;
mod keys;
mod law;
mod loading;
mod mirrored;
mod nearest;
mod parts;
mod people;
mod proofs;
mod published;
mod revocations;
mod roster;
mod security_events;
mod statuses;
mod surface;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::approval;
use crate::behavior::Rules as BehaviorRules;
use crate::bundle::{Polled, Signers};
use crate::credential::{Rules, Verified};
use crate::events::Transmitter;
use crate::json::{Limits, Value, read as read_json};
use crate::policy::{Policy, Problem, SharedPolicy};
use crate::protocol::{Place, Sealer, Surface};
use crate::registry::{Registry, Revocations};
use crate::resource::{Binding, Description, Resource, Resources};
use crate::trust::{BindingMethod, Issuer, Trust};

pub(crate) use directory::{AgentSource, Registration};
pub(crate) use law::{Feed, Term, read_feed};
pub(crate) use loading::{Loading, Step};
pub use published::{PublishedBundle, PublishedRevocations, check_bundle, check_revocations};

use fields::{Node, Problems as Collected};
use nearest::nearest;

/// Everything a request is decided by that does not change while it runs.
pub(crate) struct Configuration {
    pub(crate) surface: Surface,
    pub(crate) registry: Registry,
    pub(crate) revocations: Revocations,
    /// Of the bundle it was made with: when that was made and when it ends.
    pub(crate) term: Option<Term>,
    /// The digest of that bundle.
    pub(crate) bundle: Option<String>,
    pub(crate) policy: SharedPolicy,
    pub(crate) body_limit: usize,
    /// What RFC 9728 has to say, and where.
    pub(crate) resources: Resources,
    /// Named in every challenge in place of our own.
    resource_metadata: Option<String>,
    pub(crate) approvals: approval::Rules,
    pub(crate) behavior: BehaviorRules,
    /// Actions, and the argument that says how much money each moves.
    pub(crate) spends: Vec<(String, String)>,
    pub(crate) credentials: Rules,
    /// What MCP sessions are sealed with.
    pub(crate) sealer: Sealer,
    /// What the operator should know although it is no error.
    pub(crate) warnings: Vec<String>,
    audience: String,
    /// Hosts this gateway answers for, canonical; none: any.
    authorities: Vec<String>,
    tokens: BTreeMap<String, TokenUse>,
    /// What agents refer to that are none of its own.
    known: people::Known,
}

/// What a server accepts and gets of tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenUse {
    /// The audience of the server itself.
    resource: Option<String>,
    /// Whether a token for that audience alone is passed on.
    forward: bool,
    path: String,
    scopes: Vec<String>,
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

/// One problem a line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Configuration {
    /// Whether requests for this host are answered here. A gateway chooses its upstream by it, so the
    /// same path on another host may be another server (threats H13, P12).
    pub(crate) fn serves(&self, authority: &str) -> bool {
        self.authorities.is_empty() || self.authorities.contains(&canonical_authority(authority))
    }

    /// The gateway's own identifier.
    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// What `aud` may say at this place: the gateway's own identifier and, for a server that
    /// has one, the server's.
    pub(crate) fn audiences(&self, place: &Place<'_>) -> Vec<&str> {
        let server = self.token_use(place).and_then(|t| t.resource.as_deref());
        [self.audience.as_str()].into_iter().chain(server).collect()
    }

    /// A token goes on only to the server it was issued for, and only if it was issued for nobody
    /// else (MCP authorization: no token passthrough).
    pub(crate) fn may_forward_token(&self, place: &Place<'_>, verified: &Verified) -> bool {
        let Some(token_use) = self.token_use(place).filter(|t| t.forward) else { return false };
        match (token_use.resource.as_deref(), verified.audiences.as_slice()) {
            (Some(resource), [only]) => resource == only,
            _ => false,
        }
    }

    /// The public document at that place.
    pub(crate) fn published(&self, authority: &str, path: &str) -> Option<&Resource> {
        self.resources.find(&canonical_authority(authority), path)
    }

    /// Where a caller that is refused at that path can read how to get a token (RFC 9728 §5.1).
    pub(crate) fn resource_metadata(&self, path: &str) -> Option<&str> {
        self.resource_metadata.as_deref().or_else(|| self.resources.url_at(path))
    }

    fn token_use(&self, place: &Place<'_>) -> Option<&TokenUse> {
        self.tokens.get(place.server()?)
    }
}

/// Lower case, without a default port or the root's dot (RFC 3986 §6.2.2, §6.2.3).
fn canonical_authority(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let host = text.strip_suffix(":443").or_else(|| text.strip_suffix(":80")).unwrap_or(&text);
    host.strip_suffix('.').unwrap_or(host).to_owned()
}

/// A configuration, and what it says about documents that come later.
pub(crate) struct Loaded {
    pub(crate) configuration: Configuration,
    pub(crate) trust: Trust,
    /// What to make of a bundle that is fetched.
    pub(crate) bundle: Option<(Blueprint, Polled)>,
    pub(crate) feed: Option<(Signers, Polled)>,
    pub(crate) events: Option<Transmitter>,
    pub(crate) directory: Option<AgentSource>,
}

/// A configuration that lacks its bundle.
#[derive(Debug)]
pub(crate) struct Blueprint {
    document: Rc<Value>,
    pub(crate) signers: Signers,
    pub(crate) lowest_revision: u64,
}

/// Reads a configuration.
pub(crate) fn read(bytes: &[u8]) -> Result<Loaded, Problems> {
    // Some hosts hand the document over with a trailing NUL.
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let document = read_json(bytes, &LIMITS).map_err(|malformed| {
        let path = format!("configuration:{}:{}", malformed.line, malformed.column);
        Problems(vec![Problem::at(path, malformed.fault.to_string())])
    })?;
    let mut parts = parts(&document)?;
    let anchors = std::mem::take(&mut parts.anchors);
    let trust = Trust::new(parts.issuers.clone()).with_anchors(anchors);
    let (feed, events) = (parts.feed.take(), parts.events.take());
    let directory = parts.directory.take();
    let section = parts.section.take();
    let configuration = Configuration::of(parts)?;
    let bundle = match section {
        Some(bundle::Section { signers, lowest_revision, from: bundle::From::Fetch(polled) }) => {
            Some((Blueprint { document: Rc::new(document), signers, lowest_revision }, polled))
        }
        Some(section) if configuration.policy.revision() < section.lowest_revision => {
            let (is, least) = (configuration.policy.revision(), section.lowest_revision);
            let message = format!("revision {is} is older than lowest_revision, {least}");
            return Err(Problems(vec![Problem::at("bundle.inline".to_owned(), message)]));
        }
        _ => None,
    };
    Ok(Loaded { configuration, trust, bundle, feed, events, directory })
}

fn parts(document: &Value) -> Result<parts::Parts, Problems> {
    let mut problems = Collected::default();
    match parts::read(&Node::root(document), None, &mut problems) {
        Some(parts) if problems.0.is_empty() => Ok(parts),
        Some(parts) => {
            let policies = (parts.files.as_slice(), parts.revision);
            let all = published::complete(&parts.definition, policies, problems);
            Err(all.err().unwrap_or_else(|| Problems(Vec::new())))
        }
        None => Err(Problems(problems.0)),
    }
}

impl Configuration {
    fn of(parts: parts::Parts) -> Result<Self, Problems> {
        let policy =
            Policy::load(&parts.definition, &parts.files, parts.revision).map_err(Problems)?;
        Ok(Self::with(parts, policy))
    }

    fn with(parts: parts::Parts, policy: Policy) -> Self {
        let resources = resources(&parts);
        let parts::Parts { registered, definition, .. } = parts;
        let mut spends = Vec::new();
        for tool in &definition.tools {
            if let Some(argument) = &tool.spend {
                spends.push((format!("{}/{}", tool.server, tool.name), argument.clone()));
            }
        }
        let groups = groups::groups(&definition);
        let said = policy.warnings().iter().cloned();
        let warnings = parts.warnings.into_iter().chain(said).collect();
        let known = registered.agents.known().clone();
        Self {
            surface: parts.surface,
            registry: Registry::new(
                registered.agents,
                registered.people,
                groups,
                registered.grants,
            ),
            revocations: parts.revocations,
            policy: Rc::new(policy),
            body_limit: parts.body_limit,
            resources,
            resource_metadata: parts.resource_metadata,
            approvals: parts.approvals,
            behavior: parts.behavior,
            spends,
            credentials: parts.credentials,
            sealer: parts.sealer,
            warnings,
            term: parts.term,
            bundle: parts.bundle,
            audience: parts.audience,
            authorities: parts.authorities,
            tokens: parts.tokens,
            known,
        }
    }
}

/// One document for the gateway, and one for each server that is a resource of its own.
fn resources(parts: &parts::Parts) -> Resources {
    let web = |id: &&str| id.starts_with("https://") || id.starts_with("http://");
    let issuers = parts.issuers.iter().map(|issuer| issuer.id.as_str());
    let description = Description {
        authorization_servers: issuers.filter(web).map(str::to_owned).collect(),
        scopes: Vec::new(),
        binding: binding(parts),
        detail_types: parts.credentials.detail_types.iter().cloned().collect(),
    };
    let resource = |identifier: &str, path: Option<String>, scopes: &[String]| {
        let description = Description { scopes: scopes.to_vec(), ..description.clone() };
        Resource::new(identifier, path, &description, canonical_authority)
    };
    let servers = parts.tokens.values().filter_map(|server| {
        resource(server.resource.as_deref()?, Some(server.path.clone()), &server.scopes)
    });
    let gateway = resource(&parts.audience, None, &parts.scopes);
    Resources::new(gateway.into_iter().chain(servers).collect())
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// What clients are told of bound tokens (RFC 9728 §2). DPoP is required where every issuer that a token
/// can come from requires it, and no other way.
fn binding(parts: &parts::Parts) -> Binding {
    let dpop = parts.credentials.binding.dpop.as_ref();
    let only = |issuer: &Issuer| {
        let required = issuer.require_binding.as_ref();
        required.is_some_and(|required| required.iter().eq([&BindingMethod::Dpop]))
    };
    Binding {
        dpop_algorithms: dpop.map(|dpop| words(&dpop.algorithms.names())).unwrap_or_default(),
        dpop_required: !parts.issuers.is_empty() && parts.issuers.iter().all(only),
        certificates: parts.credentials.certificates.connection,
    }
}

/// A document an operator wrote; larger ones come as bundles.
const LIMITS: Limits = Limits { bytes: 16 << 20, depth: 32, items: 200_000 };
