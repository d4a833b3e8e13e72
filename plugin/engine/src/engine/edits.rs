//! What the upstream gets to see of who is asking.

use super::Case;
use crate::credential::Verified;
use crate::decision::EVALUATION_HEADER;
use crate::evidence::dashed;
use crate::protocol::{self, Place};
use crate::step::HeaderEdits;

impl Case {
    /// What the upstream gets to see of who is asking: our word, never the client's.
    pub(super) fn edits(
        &self,
        place: &Place<'_>,
        verified: &Verified,
        filtered: bool,
    ) -> HeaderEdits {
        // A transaction that nobody here believes in goes no further (TXN-7).
        let believed = verified.transaction.is_some();
        let goes = |name: &[u8]| believed && name == TRANSACTION_HEADER;
        let not_on = |name: &&[u8]| is_ours(name) || (has_served(name) && !goes(name));
        let mut remove: Vec<Vec<u8>> = Vec::new();
        for name in self.head.names().filter(not_on) {
            // A few of the 200 names there may be.
            if !remove.iter().any(|before| before == name) {
                remove.push(name.to_vec());
            }
        }
        if !self.configuration.may_forward_token(place, verified) {
            remove.push(b"authorization".to_vec());
        }
        if filtered {
            // Each costs the host a call, so only those that are there.
            let there = protocol::REMOVED_WHEN_FILTERED.iter().filter(|name| self.head.has(name));
            remove.extend(there.map(|name| name.as_bytes().to_vec()));
        }
        let mut set = vec![
            (AGENT_HEADER, header_text(verified.actor.agent.as_str())),
            (EVALUATION_HEADER, self.id.to_string()),
        ];
        let delegation = verified.actor.delegation.as_ref();
        set.extend(delegation.map(|d| (DELEGATOR_HEADER, header_text(d.delegator.as_str()))));
        HeaderEdits { remove, set }
    }
}

/// Whether a header name is one that only Deputy sets, also to an upstream that folds `_` into `-`.
fn is_ours(name: &[u8]) -> bool {
    // A name that begins otherwise is not worth a copy.
    name.first() == OUR_PREFIX.first() && dashed(name).starts_with(OUR_PREFIX)
}

/// Whether a header carries a proof or a token that was for this gateway, also to an upstream that folds
/// `_` into `-`: only the spelling with `-` was looked at.
fn has_served(name: &[u8]) -> bool {
    // As above: most names begin otherwise.
    matches!(name.first(), Some(b'd' | b't' | b'w')) && SERVED.contains(&dashed(name).as_slice())
}

/// An identity as a header value: what is not visible ASCII is percent-encoded, `%` included.
fn header_text(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'%';
    if text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            _ if plain(byte) => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Every header of this prefix belongs to Deputy; a client's is removed.
const OUR_PREFIX: &[u8] = b"x-deputy-";
/// A credential, or a part of one, that is looked at here and means nothing behind.
const SERVED: [&[u8]; 4] =
    [b"dpop", b"workload-identity-token", b"workload-proof-token", TRANSACTION_HEADER];
const TRANSACTION_HEADER: &[u8] = b"txn-token";
const AGENT_HEADER: &str = "x-deputy-agent";
const DELEGATOR_HEADER: &str = "x-deputy-on-behalf-of";
