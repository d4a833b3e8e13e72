//! The configuration: JSON into typed parts, whole or not at all.
//!
//! `docs/configuration.md` is its reference; its example is loaded by a test, which also looks for
//! every member in its table. Not here: what the parts do.

mod credentials;
mod fields;
mod grants;
mod issuers;
mod keys;
mod nearest;
mod parts;
mod people;
mod proofs;
mod surface;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::credential::{Rules, Verified};
use crate::json::{Limits, read as read_json};
use crate::policy::{Definition, Policy, Problem, SharedPolicy};
use crate::protocol::{Place, Surface};
use crate::registry::{ActionGroups, Registry};
use crate::resource::{Description, Resource, Resources};
use crate::trust::Trust;

use fields::{Node, Problems as Collected};
use nearest::nearest;

/// Everything a request is decided by that does not change while it runs.
pub(crate) struct Configuration {
    pub(crate) surface: Surface,
    pub(crate) registry: Registry,
    pub(crate) policy: SharedPolicy,
    pub(crate) body_limit: usize,
    /// What RFC 9728 has to say, and where.
    pub(crate) resources: Resources,
    /// Named in every challenge in place of our own.
    resource_metadata: Option<String>,
    pub(crate) approval_endpoint: Option<String>,
    pub(crate) credentials: Rules,
    audience: String,
    /// Hosts this gateway answers for, canonical; none: any.
    authorities: Vec<String>,
    tokens: BTreeMap<String, TokenUse>,
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

    /// What `aud` may say at this place: the gateway's own identifier and, for an MCP server that
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
        self.tokens.get(place.mcp()?.server())
    }
}

/// Lower case, without a default port or the root's dot (RFC 3986 §6.2.2, §6.2.3).
fn canonical_authority(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let host = text.strip_suffix(":443").or_else(|| text.strip_suffix(":80")).unwrap_or(&text);
    host.strip_suffix('.').unwrap_or(host).to_owned()
}

/// Reads a configuration.
pub(crate) fn read(bytes: &[u8]) -> Result<(Configuration, Trust), Problems> {
    // Some hosts hand the document over with a trailing NUL.
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let document = read_json(bytes, &LIMITS).map_err(|malformed| {
        let path = format!("configuration:{}:{}", malformed.line, malformed.column);
        Problems(vec![Problem::at(path, malformed.fault.to_string())])
    })?;
    let mut problems = Collected::default();
    let parts = parts::read(&Node::root(&document), &mut problems);
    let parts = match parts {
        Some(parts) if problems.0.is_empty() => parts,
        _ => return Err(Problems(problems.0)),
    };
    let policy = Policy::load(&parts.definition, &parts.files, parts.revision).map_err(Problems)?;
    let resources = resources(&parts);
    let parts::Parts { registered, definition, .. } = parts;
    let groups = groups(&definition);
    let configuration = Configuration {
        surface: parts.surface,
        registry: Registry::new(registered.agents, registered.people, groups, registered.grants),
        policy: Rc::new(policy),
        body_limit: parts.body_limit,
        resources,
        resource_metadata: parts.resource_metadata,
        approval_endpoint: parts.approval_endpoint,
        credentials: parts.credentials,
        audience: parts.audience,
        authorities: parts.authorities,
        tokens: parts.tokens,
    };
    Ok((configuration, Trust::new(parts.issuers)))
}

/// One document for the gateway, and one for each MCP server that is a resource of its own.
fn resources(parts: &parts::Parts) -> Resources {
    let web = |id: &&str| id.starts_with("https://") || id.starts_with("http://");
    let issuers = parts.issuers.iter().map(|issuer| issuer.id.as_str());
    let authorization_servers: Vec<_> = issuers.filter(web).map(str::to_owned).collect();
    let resource = |identifier: &str, path: Option<String>, scopes: &[String]| {
        let authorization_servers = authorization_servers.clone();
        let description = Description { authorization_servers, scopes: scopes.to_vec() };
        Resource::new(identifier, path, &description, canonical_authority)
    };
    let servers = parts.tokens.values().filter_map(|server| {
        resource(server.resource.as_deref()?, Some(server.path.clone()), &server.scopes)
    });
    let gateway = resource(&parts.audience, None, &parts.scopes);
    Resources::new(gateway.into_iter().chain(servers).collect())
}

/// The groups each action is in.
fn groups(definition: &Definition) -> ActionGroups {
    let mut groups = ActionGroups::new();
    for tool in &definition.tools {
        let of = groups.entry(format!("{}/{}", tool.server, tool.name)).or_default();
        of.insert("tools/call".to_owned());
        of.extend(tool.groups.iter().cloned());
    }
    for route in &definition.routes {
        groups.entry(route.action.clone()).or_default().extend(route.groups.iter().cloned());
    }
    groups
}

/// A document an operator wrote; larger ones come as bundles.
const LIMITS: Limits = Limits { bytes: 8 << 20, depth: 32, items: 200_000 };
