//! Credentials that more than one presents: one key for two agents, one token from two clients.
//!
//! Each of them is genuine, and together they say that somebody has what is another's (OWASP NHI9,
//! threats T28). Not here: who presented it before, which the host's store knows.

use super::Verified;
use crate::decision::Reason;
use crate::recall::Holder;

/// What becomes of a request with such a credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nobody looks.
    #[default]
    Ignored,
    /// Policy sees it, and the receipt says it.
    Flagged,
    Refused,
}

/// What is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    Key,
    Token,
}

impl Shared {
    /// As receipts write it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Token => "token",
        }
    }

    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Key => Reason::SharedKey,
            Self::Token => Reason::SharedToken,
        }
    }
}

impl Verified {
    /// What only one may present. A bearer token over a connection without a certificate is nobody's,
    /// and a token that is bound can't be presented by two.
    pub(crate) fn held_alone(&self) -> impl Iterator<Item = (Holder, Shared)> {
        let agent = self.actor.agent.as_str();
        let keys = self.proofs().filter_map(|proof| proof.bound.as_ref()?.shareable());
        let keys = keys.map(move |key| (Holder::new("key", &[key.as_bytes()], agent), Shared::Key));
        let token = self.client.as_ref().map(|client| {
            let issuer = self.proof.issuer.as_str();
            let id = self.proof.jti.as_deref().unwrap_or(&self.proof.content);
            let parts = [issuer.as_bytes(), id.as_bytes()];
            (Holder::new("token", &parts, client), Shared::Token)
        });
        keys.chain(token)
    }
}
