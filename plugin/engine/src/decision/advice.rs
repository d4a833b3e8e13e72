//! What to do instead, for receipts: one sentence for whoever operates the client. The caller is not
//! told, as of every cause.

use super::Reason;

impl Reason {
    /// Where there is something better to present.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::NoCredential => {
                "present an access token in `Authorization`, or a workload identity; cookies and query \
                 parameters identify nobody"
            }
            Self::SharedSecret => {
                "use an access token bound to a key or certificate of the agent, a JWT-SVID or a client \
                 certificate in place of the shared secret"
            }
            Self::UnsupportedCredential => {
                "send the token once, as `Authorization: Bearer` or `DPoP`"
            }
            Self::Impersonation => {
                "exchange the token (RFC 8693), so that `act` names the agent that acts"
            }
            Self::GrantAsToken => "exchange the grant at the authorization server of this resource",
            Self::TokenMisplaced => "send the token in the header of its own kind",
            Self::AgentUsedPassword => {
                "have the agent authenticate with a key (private_key_jwt, mTLS, a workload identity)"
            }
            Self::SharedKey => "give each agent a key of its own, and revoke this one",
            Self::SharedToken => "have tokens bound to the key or certificate of who gets them",
            Self::ProofOfPossessionMissing => "send the proof that the token is bound to",
            Self::WorkloadUnmapped => {
                "list the workload as `spiffe` of its agent, if it is that agent"
            }
            _ => return None,
        })
    }
}
