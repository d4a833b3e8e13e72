//! The object that an approval is bound to, and its digest: SHA-256 over RFC 8785 canonical JSON.
//!
//! `docs/approvals.md` has its members and vectors for other implementations. Nothing else binds: not
//! `_meta`, a progress token, a JSON-RPC id, a `requestState` (MRTR-3), and no header of an HTTP request.

use sha2::{Digest as _, Sha256};

use crate::json::{Object, Value, canonical};
use crate::model::{Actor, Asked};
use crate::trust::base64url;

/// What is approved, in the form that is shown and hashed.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    object: Object,
    digest: String,
}

/// Everything that was decided about.
pub(crate) struct Bound<'a> {
    /// The audience of this gateway.
    pub(crate) gateway: &'a str,
    pub(crate) actor: &'a Actor,
    /// The thumbprint of the key that the agent has proven.
    pub(crate) key: Option<&'a str>,
    /// The MCP server.
    pub(crate) server: Option<&'a str>,
    pub(crate) asked: &'a Asked,
    /// As the receipt writes it.
    pub(crate) resource: String,
    pub(crate) content: Content<'a>,
    /// The digest of the tool's pinned definition.
    pub(crate) tool: Option<&'a str>,
    pub(crate) revision: u64,
}

/// What an action is called with.
pub(crate) enum Content<'a> {
    /// The arguments of an MCP method, in whatever order.
    Arguments(Option<&'a Object>),
    /// An HTTP request, byte for byte.
    Message {
        method: &'a str,
        /// Path and query, as sent.
        target: &'a str,
        media_type: Option<&'a str>,
        body: &'a [u8],
        /// The body, if it is JSON: so that a human can read what is approved.
        json: Option<Value>,
    },
}

impl Binding {
    /// None: it can't be written down exactly, so nobody can approve it. RFC 8785 writes numbers as IEEE
    /// doubles, in which `1.0` is `1` and large integers are others' twins (APP-23).
    pub(crate) fn of(bound: Bound<'_>) -> Option<Self> {
        let arguments = bound.content.value();
        if size_if_exact(&arguments)? > MAX_ARGUMENTS_BYTES {
            return None;
        }
        let delegation = bound.actor.delegation.as_ref();
        let prior = delegation.map(|d| d.prior.as_slice()).unwrap_or_default();
        let agent =
            Object::of([("id", bound.actor.agent.as_str().into()), ("key", maybe(bound.key))]);
        let object = Object::of([
            ("v", Value::Integer(1)),
            ("gateway", bound.gateway.into()),
            ("agent", Value::Object(agent)),
            ("actors", Value::Array(prior.iter().map(|id| id.as_str().into()).collect())),
            ("delegator", maybe(delegation.map(|d| d.delegator.as_str()))),
            ("protocol", bound.asked.protocol.as_str().into()),
            ("server", maybe(bound.server)),
            ("action", bound.asked.action.as_str().into()),
            ("resource", bound.resource.into()),
            ("arguments", arguments),
            ("tool", maybe(bound.tool)),
            ("revision", bound.revision.to_string().into()),
        ]);
        Self::of_object(object)
    }

    pub(super) fn of_object(object: Object) -> Option<Self> {
        let canonical = canonical::to_vec(&object)?;
        let digest = base64url::encode(&Sha256::digest(canonical));
        Some(Self { object, digest })
    }

    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    /// base64url without padding.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

impl Content<'_> {
    fn value(self) -> Value {
        let (method, target, media_type, body, json) = match self {
            Self::Arguments(None) => return Value::Null,
            Self::Arguments(Some(arguments)) => return Value::Object(arguments.clone()),
            Self::Message { method, target, media_type, body, json } => {
                (method, target, media_type, body, json)
            }
        };
        let mut content = Object::of([
            ("method", method.into()),
            ("target", target.into()),
            ("body", Value::Null),
        ]);
        if !body.is_empty() {
            let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
            let mut about = Object::of([
                ("media_type", maybe(media_type)),
                ("bytes", Value::Integer(bytes)),
                ("sha-256", base64url::encode(&Sha256::digest(body)).into()),
            ]);
            if let Some(json) = json {
                about.set("json", json);
            }
            content.set("body", Value::Object(about));
        }
        Value::Object(content)
    }
}

/// The bytes of a value as JSON without white space, if every number in it is an integer that all readers take for the
/// same one. The reader of requests admits none beyond 2^53.
fn size_if_exact(value: &Value) -> Option<usize> {
    let sum = |size: usize, more: Option<usize>| Some(size.saturating_add(more?));
    Some(match value {
        Value::Decimal(_) => return None,
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Integer(n) => {
            let digits = n.unsigned_abs().checked_ilog10().unwrap_or(0).saturating_add(1);
            usize::try_from(digits).ok()?.saturating_add(usize::from(*n < 0))
        }
        Value::String(text) => size_of_text(text),
        Value::Array(items) => {
            let commas = items.len().saturating_sub(1);
            items.iter().map(size_if_exact).try_fold(commas.saturating_add(2), sum)?
        }
        Value::Object(object) => {
            let sizes = object.iter().map(|(name, value)| {
                let name = size_of_text(name).saturating_add(2);
                Some(size_if_exact(value)?.saturating_add(name))
            });
            // A comma after each but the last.
            let least = 2_usize.saturating_sub(usize::from(!object.is_empty()));
            sizes.into_iter().try_fold(least, sum)?
        }
    })
}

fn size_of_text(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0c | b'\r' => 1,
        0..0x20 => 5,
        _ => 0,
    });
    escaped.sum::<usize>().saturating_add(text.len()).saturating_add(2)
}

fn maybe(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// Nobody reads more before saying yes; more is not shown, so it is not approved.
const MAX_ARGUMENTS_BYTES: usize = 64 << 10;
