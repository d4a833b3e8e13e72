//! The sections of the document, one function each. `None` means that a problem was noted.

use std::collections::BTreeMap;

use super::fields::{Members, Node, Problems};
use super::law::{self, Term};
use super::people::Registered;
use super::{
    AgentSource, TokenUse, approvals, behavior, bundle, credentials, directory, issuers,
    security_events, surface,
};
use crate::approval;
use crate::behavior::Rules as BehaviorRules;
use crate::bundle::{Polled, Signers};
use crate::credential::Rules;
use crate::events::Transmitter;
use crate::json::Value;
use crate::policy::{Definition, PolicyFile};
use crate::protocol::{Sealer, Surface};
use crate::registry::Revocations;
use crate::trust::{Anchor, Issuer};

/// The typed parts of a configuration.
pub(super) struct Parts {
    pub(super) audience: String,
    pub(super) authorities: Vec<String>,
    pub(super) resource_metadata: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) approvals: approval::Rules,
    pub(super) behavior: BehaviorRules,
    pub(super) issuers: Vec<Issuer>,
    pub(super) registered: Registered,
    pub(super) credentials: Rules,
    pub(super) anchors: Vec<Anchor>,
    pub(super) definition: Definition,
    pub(super) surface: Surface,
    pub(super) tokens: BTreeMap<String, TokenUse>,
    pub(super) files: Vec<PolicyFile>,
    pub(super) revision: u64,
    pub(super) revocations: Revocations,
    pub(super) term: Option<Term>,
    /// Digest of the bundle.
    pub(super) bundle: Option<String>,
    pub(super) section: Option<bundle::Section>,
    pub(super) feed: Option<(Signers, Polled)>,
    pub(super) events: Option<Transmitter>,
    pub(super) directory: Option<AgentSource>,
    pub(super) body_limit: usize,
    pub(super) sealer: Sealer,
    pub(super) warnings: Vec<String>,
}

/// A bundle that has come by fetch.
pub(super) struct Fetched<'a> {
    /// What has not been taken out already.
    pub(super) contents: &'a Value,
    pub(super) early: law::Early,
    /// What has been read of it.
    pub(super) definition: Definition,
    pub(super) digest: String,
}

/// Reads the whole document; every section is read even after a problem in another. `fetched`: the
/// bundle, if it has come by fetch.
pub(super) fn read(
    root: &Node<'_>,
    fetched: Option<Fetched<'_>>,
    problems: &mut Problems,
) -> Option<Parts> {
    let mut members = root.members(problems)?;
    let version = members.need("version", problems).and_then(|n| n.number(1, 1, problems));
    let gateway = members.need("gateway", problems).and_then(|n| gateway(&n, problems));
    let issuers = issuers::read(&mut members, problems);
    let known = issuers.as_deref().unwrap_or_default();
    let credentials = credentials::read(&mut members, known, problems);
    let mut definition = Definition::default();
    let fetched = fetched.map(|Fetched { contents, early, definition: read, digest }| {
        definition = read;
        (contents, early, digest)
    });
    let section = members.maybe("bundle").map(|n| bundle::read(&n, problems));
    let opened = section.as_ref().and_then(|section| section.as_ref()?.opened());
    let bundle = match (fetched, opened) {
        (Some((contents, early, digest)), _) => Some((contents, Some(early), digest)),
        (None, Some(opened)) => Some((&opened.contents, None, opened.digest.clone())),
        (None, None) => None,
    };
    let mut digest = None;
    let law = match (&section, bundle) {
        (None, _) => Some(law::inline(&mut members, &mut definition, problems)),
        (Some(_), None) => Some(law::awaited()),
        (Some(_), Some((contents, early, of))) => {
            digest = Some(of);
            law::signed(&Node::named(contents, "bundle"), early, &mut definition, problems)
        }
    };
    if section.is_some() {
        law::refuse_inline(&mut members, problems);
    }
    let feed = members.maybe("revocation_feed").map(|n| bundle::feed(&n, problems));
    let sizes = limits(&mut members, problems);
    let origins = gateway.as_ref().map(|g| g.origins.clone()).unwrap_or_default();
    // What a bundle with problems would have said is not needed to find those of `mcp`.
    let nothing = law::awaited();
    let surface = surface::read(
        &mut members,
        law.as_ref().unwrap_or(&nothing),
        (&sizes, &origins),
        &mut definition,
        problems,
    );
    let sealer = members.maybe("sessions").and_then(|n| sessions(&n, problems));
    let mut approvers = Vec::new();
    let approvals = approvals::read(&mut members, &mut approvers, problems);
    let audience = gateway.as_ref().map(|gateway| gateway.audience.as_str());
    let events = security_events::read(&mut members, audience, &mut approvers, problems);
    let directory = directory::read(&mut members, problems);
    let behavior = behavior::read(&mut members, problems);
    members.close(problems);
    let (gateway, mut law, (surface, tokens)) = (gateway?, law?, surface?);
    let (mut credentials, mut anchors) = credentials?;
    anchors.extend(approvers);
    credentials.agents = std::mem::take(&mut law.registered.workloads);
    version?;
    let sealer = sealer.unwrap_or_default();
    if sealer.is_empty() {
        surface.sealed().for_each(|at| problems.add(at, UNSEALED));
    }
    let needs_sealing = sealer.is_empty() && surface.has_sessions();
    let warnings = needs_sealing.then(|| SESSIONS.to_owned()).into_iter().collect();
    Some(Parts {
        audience: gateway.audience,
        authorities: gateway.authorities,
        resource_metadata: gateway.resource_metadata,
        scopes: gateway.scopes,
        approvals: approvals?,
        behavior,
        issuers: issuers?,
        registered: law.registered,
        revocations: law.revocations,
        credentials,
        anchors,
        definition,
        surface,
        tokens,
        files: law.files,
        revision: law.revision,
        term: law.term,
        bundle: digest,
        feed: feed.flatten(),
        events,
        directory,
        body_limit: sizes.body,
        section: section.flatten(),
        sealer,
        warnings,
    })
}

struct Gateway {
    audience: String,
    authorities: Vec<String>,
    resource_metadata: Option<String>,
    scopes: Vec<String>,
    origins: Vec<String>,
}

fn gateway(node: &Node<'_>, problems: &mut Problems) -> Option<Gateway> {
    let mut members = node.members(problems)?;
    let audience = members.need_text("audience", problems).map(str::to_owned);
    let resource_metadata = url(&mut members, "resource_metadata", problems);
    let scopes = scopes(&mut members, problems);
    let origins = members.texts("allowed_origins", problems);
    let authorities = authorities(&mut members, problems);
    members.close(problems);
    Some(Gateway { audience: audience?, authorities, resource_metadata, scopes, origins })
}

/// Hosts, as `:authority` has them. A URL would be equal to none, and every request `unmapped`.
fn authorities(members: &mut Members<'_>, problems: &mut Problems) -> Vec<String> {
    let nodes = members.items("authorities", problems);
    let authority = |node: &Node<'_>| {
        let text = node.text(problems)?;
        let good = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '@' | '?' | '#');
        if text.is_empty() || !text.chars().all(good) {
            let host = text.split_once("://").map_or(text, |(_, rest)| rest);
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            let example =
                if host.chars().all(good) && !host.is_empty() { host } else { "gateway.example" };
            return node.wrong(
                problems,
                &format!(
                    "must be a host, and a port if need be, as `{example}`: no scheme, no path"
                ),
            );
        }
        Some(super::canonical_authority(text))
    };
    nodes.iter().filter_map(authority).collect()
}

/// `scopes_supported`: what clients are told to ask for (RFC 9728 §2).
pub(super) fn scopes(members: &mut Members<'_>, problems: &mut Problems) -> Vec<String> {
    let nodes = members.items("scopes_supported", problems);
    let scope = |node: &Node<'_>| {
        let text = node.text(problems)?;
        // RFC 6749 §3.3.
        let good = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
        if !text.bytes().all(good) {
            return node.wrong(problems, "must be visible ASCII without \" and \\");
        }
        // MCP authorization: a refresh token is not the resource's to offer.
        if text == "offline_access" {
            return node.wrong(problems, "is not a scope of a resource");
        }
        Some(text.to_owned())
    };
    nodes.iter().filter_map(scope).collect()
}

/// The keys of sessions. A problem never shows one.
fn sessions(node: &Node<'_>, problems: &mut Problems) -> Option<Sealer> {
    let mut members = node.members(problems)?;
    let path = members.at("keys");
    let keys = members.need("keys", problems).and_then(|n| n.items(problems));
    members.close(problems);
    let keys: Vec<_> = keys?.iter().filter_map(|n| n.text(problems)).collect();
    let sealer = Sealer::new(&keys).filter(|sealer| !sealer.is_empty());
    if sealer.is_none() {
        problems.add(path, "must hold one or more keys of 32 random bytes in base64url");
    }
    sealer
}

const SESSIONS: &str = "sessions: has no keys, so no MCP session can be bound to its caller: session \
     ids of servers are not passed on, and servers that need them (before 2026-07-28) don't work";

const UNSEALED: &str = "is \"sealed\", which needs sessions.keys: ids of tasks are sealed with them. Or say \
     \"server\", if the agent knows whose a task is (it is told who asks) and policy is to decide about the rest";

/// A URL we put into a header or a reply: printable, without anything a quoted string would end at.
pub(super) fn url(
    members: &mut Members<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<String> {
    let text = members.maybe_text(name, problems)?;
    let printable = text.bytes().all(|b| matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'\\'));
    let web = text.starts_with("https://") || text.starts_with("http://");
    if !(printable && web) {
        problems.add(members.at(name), "must be an http or https URL");
        return None;
    }
    Some(text.to_owned())
}

/// Bytes a request or a filtered response may have.
pub(super) struct Sizes {
    pub(super) body: usize,
    pub(super) response: usize,
}

fn limits(members: &mut Members<'_>, problems: &mut Problems) -> Sizes {
    let mut body = DEFAULT_BODY;
    let mut response = DEFAULT_RESPONSE;
    if let Some(mut limits) = members.maybe("limits").and_then(|n| n.members(problems)) {
        body = limits.number("body_bytes", (1, body, LARGEST), problems);
        response = limits.number("response_bytes", (1, response, LARGEST), problems);
        limits.close(problems);
    }
    let bytes = |n| usize::try_from(n).unwrap_or(usize::MAX);
    Sizes { body: bytes(body), response: bytes(response) }
}

/// A quarter of Envoy's default buffer (`per_connection_buffer_limit_bytes`, 1 MiB).
const DEFAULT_BODY: u64 = 256 << 10;
/// Half of Envoy's default buffer.
const DEFAULT_RESPONSE: u64 = 512 << 10;
/// The reader holds a document several times over; a VM has at most 1 GiB.
const LARGEST: u64 = 16 << 20;
