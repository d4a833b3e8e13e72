//! Why a request was refused: one table, from which docs, metrics and tests are made.

use super::reply::Wire;

/// Which of the four questions an answer left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who is the agent?
    Who,
    /// On whose behalf does it act?
    OnWhoseBehalf,
    /// What may it do right now?
    WhatNow,
    /// Can it be traced and verified?
    Verifiable,
}

impl Question {
    /// As receipts write it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::OnWhoseBehalf => "on_whose_behalf",
            Self::WhatNow => "what_now",
            Self::Verifiable => "verifiable",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $question:ident, $wire:ident;)*) => {
        /// Why a request was refused. Codes are stable; the caller sees only the [`Wire`] class.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[doc = $doc])+ $name),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Stable code for receipts and metrics.
            #[must_use]
            pub fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }

            /// The question left unanswered.
            #[must_use]
            pub fn question(self) -> Question { match self { $(Self::$name => Question::$question),* } }

            /// How it looks on the wire.
            #[must_use]
            pub fn wire(self) -> Wire { match self { $(Self::$name => Wire::$wire),* } }

            /// One sentence for operators.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),* }
            }
        }
    };
}

reasons! {
    // Who is the agent?
    /// The request carries no credential.
    NoCredential = "no_credential", Who, NoCredential;
    /// The request carries more than one credential, or one twice.
    AmbiguousCredential = "ambiguous_credential", Who, InvalidRequest;
    /// The credential comes in a place or scheme that is not accepted.
    UnsupportedCredential = "unsupported_credential", Who, InvalidToken;
    /// The request carries a shared secret (Basic, an API key) and no proof of who sends it.
    SharedSecret = "shared_secret", Who, InvalidToken;
    /// The token is not a compact JWS with a strict header and claims.
    TokenMalformed = "token_malformed", Who, InvalidToken;
    /// The token is of another kind than an access token (`typ`).
    TokenWrongType = "token_wrong_type", Who, InvalidToken;
    /// The token is an authorization grant (ID-JAG): it has to be exchanged for an access token first.
    GrantAsToken = "grant_as_token", Who, InvalidToken;
    /// The token has a header of its own and is presented as a bearer token.
    TokenMisplaced = "token_misplaced", Who, InvalidToken;
    /// What is said of the client certificate is malformed, names several workloads, or contradicts TLS.
    CertificateRefused = "certificate_refused", Who, InvalidToken;
    /// A workload and an agent were proven, and no agent of the registry lists that workload.
    WorkloadUnmapped = "workload_unmapped", Who, ActorUnauthorized;
    /// Two credentials of the request name two agents.
    IdentitiesDisagree = "identities_disagree", Who, ActorUnauthorized;
    /// The key that proves the credential has proven another agent's before.
    SharedKey = "shared_key", Who, ActorUnauthorized;
    /// The token is bound to nothing, and another client has presented it before.
    SharedToken = "shared_token", Who, ActorUnauthorized;
    /// The agent's own token was got with a password, which is a shared secret (`amr`).
    AgentUsedPassword = "agent_used_password", Who, ActorUnauthorized;
    /// The HTTP message signatures are malformed.
    SignatureMalformed = "signature_malformed", Who, InvalidRequest;
    /// A declared bot signed the request: that says who sent it, and gives no right.
    DeclaredBot = "declared_bot", Who, ActorUnauthorized;
    /// The request claims to be a bot's, and its signature does not hold or covers too little.
    BotUnproven = "bot_unproven", Who, ActorUnauthorized;
    /// The token's issuer is not configured.
    IssuerUnknown = "issuer_unknown", Who, InvalidToken;
    /// The algorithm is not one the issuer may use, or does not fit the key.
    AlgorithmNotAllowed = "algorithm_not_allowed", Who, InvalidToken;
    /// No key of the issuer has the token's key id.
    KeyUnknown = "key_unknown", Who, InvalidToken;
    /// The signature is wrong.
    SignatureInvalid = "signature_invalid", Who, InvalidToken;
    /// The token is for somebody else (`aud`).
    AudienceMismatch = "audience_mismatch", Who, InvalidToken;
    /// The token has expired.
    TokenExpired = "token_expired", Who, InvalidToken;
    /// The token is not valid yet, or was issued in the future.
    TokenNotYetValid = "token_not_yet_valid", Who, InvalidToken;
    /// The token lives longer than its issuer may let it.
    TokenLivesTooLong = "token_lives_too_long", Who, InvalidToken;
    /// The token is bound to a key or certificate, and the request does not prove possession of it.
    ProofOfPossessionMissing = "proof_of_possession_missing", Who, InvalidToken;
    /// The token is bound to nothing, and its issuer's tokens or its scheme must be.
    TokenNotBound = "token_not_bound", Who, InvalidToken;
    /// The token is bound to another certificate than the connection's.
    CertificateMismatch = "certificate_mismatch", Who, InvalidToken;
    /// The DPoP proof is not one strict `dpop+jwt` with a public key of an accepted algorithm.
    DpopMalformed = "dpop_malformed", Who, DpopProof;
    /// The DPoP proof is signed by another key than the token is bound to.
    DpopKeyMismatch = "dpop_key_mismatch", Who, DpopProof;
    /// The signature of the DPoP proof is wrong.
    DpopSignatureInvalid = "dpop_signature_invalid", Who, DpopProof;
    /// The DPoP proof is for another method or URI (`htm`, `htu`).
    DpopTargetMismatch = "dpop_target_mismatch", Who, DpopProof;
    /// The DPoP proof is for another access token (`ath`).
    DpopTokenMismatch = "dpop_token_mismatch", Who, DpopProof;
    /// The DPoP proof lacks a nonce of this gateway, or has an old one.
    DpopNonceRequired = "dpop_nonce_required", Who, DpopNonce;
    /// The DPoP proof was made too long ago, or in the future.
    DpopStale = "dpop_stale", Who, DpopProof;
    /// The DPoP proof was used before.
    DpopReplayed = "dpop_replayed", Who, DpopProof;
    /// A workload identity token comes without a proof of possession, or none is accepted.
    WptMissing = "wpt_missing", Who, WorkloadProof;
    /// The workload proof is not a strict `wpt+jwt` of the token's algorithm.
    WptMalformed = "wpt_malformed", Who, WorkloadProof;
    /// The signature of the workload proof is wrong.
    WptSignatureInvalid = "wpt_signature_invalid", Who, WorkloadProof;
    /// The workload proof is for another target (`aud`).
    WptTargetMismatch = "wpt_target_mismatch", Who, WorkloadProof;
    /// The workload proof does not cover the tokens of the request, or covers others.
    WptTokenMismatch = "wpt_token_mismatch", Who, WorkloadProof;
    /// The workload proof has expired, or lives too long.
    WptStale = "wpt_stale", Who, WorkloadProof;
    /// The workload proof was used before.
    WptReplayed = "wpt_replayed", Who, WorkloadProof;
    /// The issuer's keys could not be had, or are too old.
    KeysUnavailable = "keys_unavailable", Who, Unavailable;
    /// The token's issuer keeps its status where the configuration takes no status list of that issuer from, or in another way than a list.
    StatusNotAccepted = "status_not_accepted", Who, InvalidToken;
    /// The list that says whether the token still counts could not be had, is no good, or is too old.
    StatusUnavailable = "status_unavailable", Who, Unavailable;
    /// The status list ends before the token's index.
    StatusBeyondEnd = "status_beyond_end", Who, InvalidToken;
    /// The token's issuer has revoked it (status list, `INVALID`).
    StatusInvalid = "status_invalid", Who, InvalidToken;
    /// The token's issuer has suspended it (status list, `SUSPENDED`).
    StatusSuspended = "status_suspended", Who, InvalidToken;
    /// The token's status is application-specific or not known here, so it is not valid.
    StatusOther = "status_other", Who, InvalidToken;
    /// The directory of agents could not be asked about the agent, or its answer is none.
    DirectoryUnavailable = "directory_unavailable", Who, Unavailable;
    /// The agent is not registered.
    AgentUnknown = "agent_unknown", Who, ActorUnauthorized;
    /// The agent has no owner, or one that is not registered.
    AgentWithoutOwner = "agent_without_owner", Who, ActorUnauthorized;
    /// The agent is suspended.
    AgentSuspended = "agent_suspended", Who, ActorUnauthorized;
    /// The agent is retired.
    AgentRetired = "agent_retired", Who, ActorUnauthorized;
    /// The agent's registration has not begun.
    AgentNotYetValid = "agent_not_yet_valid", Who, ActorUnauthorized;
    /// The agent's registration has ended.
    AgentExpired = "agent_expired", Who, ActorUnauthorized;
    /// Whoever owns the agent is disabled.
    OwnerDisabled = "owner_disabled", Who, ActorUnauthorized;
    /// The token's issuer is revoked.
    IssuerRevoked = "issuer_revoked", Who, InvalidToken;
    /// The key that signed the token is revoked.
    KeyRevoked = "key_revoked", Who, InvalidToken;
    /// The token is revoked.
    TokenRevoked = "token_revoked", Who, InvalidToken;
    /// The token was issued before the session, a credential or the claims of the agent or of whom it acts for changed (security event).
    SessionRevoked = "session_revoked", Who, InvalidToken;
    /// The agent, or an earlier one of its chain, is revoked.
    AgentRevoked = "agent_revoked", Who, ActorUnauthorized;
    /// All agents of this owner are revoked.
    OwnerRevoked = "owner_revoked", Who, ActorUnauthorized;

    // On whose behalf?
    /// The delegator is revoked: nobody acts for them.
    DelegatorRevoked = "delegator_revoked", OnWhoseBehalf, ActorUnauthorized;
    /// This agent's delegation by this delegator is revoked.
    DelegationRevoked = "delegation_revoked", OnWhoseBehalf, ActorUnauthorized;
    /// A human's own token with no actor: an agent must present itself.
    Impersonation = "impersonation", OnWhoseBehalf, ActorUnauthorized;
    /// The `act` claim is malformed.
    DelegationMalformed = "delegation_malformed", OnWhoseBehalf, InvalidToken;
    /// The issuer may not assert delegation.
    DelegationNotAllowed = "delegation_not_allowed", OnWhoseBehalf, ActorUnauthorized;
    /// The delegation chain is longer than its issuer's limit.
    DelegationTooDeep = "delegation_too_deep", OnWhoseBehalf, ActorUnauthorized;
    /// Somebody appears twice in the delegation chain.
    DelegationCycle = "delegation_cycle", OnWhoseBehalf, ActorUnauthorized;
    /// The transaction the request belongs to is somebody else's than the token.
    TransactionMismatch = "transaction_mismatch", OnWhoseBehalf, InvalidToken;
    /// The delegator is itself an agent of the registry: the chain is the wrong way round.
    DelegationInverted = "delegation_inverted", OnWhoseBehalf, ActorUnauthorized;
    /// The delegator is disabled.
    DelegatorDisabled = "delegator_disabled", OnWhoseBehalf, ActorUnauthorized;
    /// The agent is not registered to act for this delegator.
    DelegatorNotAccepted = "delegator_not_accepted", OnWhoseBehalf, ActorUnauthorized;
    /// Policy does not allow the delegator this action.
    DelegatorNotAllowed = "delegator_not_allowed", OnWhoseBehalf, PolicyDenied;

    // What may it do right now?
    /// A header is malformed, doubled, or holds bytes outside printable ASCII.
    RequestMalformed = "request_malformed", WhatNow, Malformed;
    /// The path could be read in more than one way.
    PathAmbiguous = "path_ambiguous", WhatNow, Malformed;
    /// A header asks for another method or path than the request has.
    OverrideHeader = "override_header", WhatNow, Malformed;
    /// No route of the configuration fits the request.
    Unmapped = "unmapped", WhatNow, PolicyDenied;
    /// A browser's page of an origin that is not allowed sent the request.
    OriginNotAllowed = "origin_not_allowed", WhatNow, PolicyDenied;
    /// The HTTP method is not one that the endpoint serves.
    MethodNotServed = "method_not_served", WhatNow, MethodNotServed;
    /// The body is of a media type or encoding that can't be inspected.
    MediaTypeUnsupported = "media_type_unsupported", WhatNow, MediaType;
    /// The body is longer than the limit.
    BodyTooLarge = "body_too_large", WhatNow, TooLarge;
    /// The request took more than a minute from its head to its decision.
    RequestTooSlow = "request_too_slow", WhatNow, TooSlow;
    /// The request ended before it was decided: its client left, or the host answered in its place.
    RequestAbandoned = "request_abandoned", WhatNow, TooSlow;
    /// The body is not strict JSON.
    BodyMalformed = "body_malformed", WhatNow, BadJson;
    /// The message is a JSON-RPC batch.
    BatchRefused = "batch_refused", WhatNow, BadMessage;
    /// The message is not a JSON-RPC 2.0 request or notification.
    MessageMalformed = "message_malformed", WhatNow, BadMessage;
    /// The parameters lack what the method needs, or hold it in the wrong form.
    ParametersInvalid = "parameters_invalid", WhatNow, BadParameters;
    /// The MCP or A2A version is missing or not accepted.
    VersionUnsupported = "version_unsupported", WhatNow, Version;
    /// A routing header and the body say different things.
    HeaderMismatch = "header_mismatch", WhatNow, HeaderMismatch;
    /// A header that repeats an argument (`Mcp-Param-*`) is missing, doubled, not declared, or says something else.
    ParamHeaderMismatch = "param_header_mismatch", WhatNow, HeaderMismatch;
    /// The JSON-RPC method is not known.
    MethodUnknown = "method_unknown", WhatNow, PolicyDenied;
    /// The tool is not in the catalogue.
    ToolUnknown = "tool_unknown", WhatNow, PolicyDenied;
    /// The server has shown another definition of the tool than the one that is pinned.
    ToolDrifted = "tool_drifted", WhatNow, PolicyDenied;
    /// The resource is not in the catalogue, or its URI could lead out of where it is.
    ResourceUnknown = "resource_unknown", WhatNow, PolicyDenied;
    /// The prompt is not in the catalogue.
    PromptUnknown = "prompt_unknown", WhatNow, PolicyDenied;
    /// The A2A message names a skill that is not configured.
    SkillUnknown = "skill_unknown", WhatNow, PolicyDenied;
    /// The task or context id was not issued here to this agent and delegator.
    TaskForeign = "task_foreign", WhatNow, TaskUnknown;
    /// Tasks are to be listed of whoever they are, and nobody here knows whose they are.
    TasksUnowned = "tasks_unowned", WhatNow, PolicyDenied;
    /// Push notifications are to go to an address that is not configured.
    PushUrlRefused = "push_url_refused", WhatNow, PolicyDenied;
    /// The session or event id was not issued here to this agent and delegator.
    SessionForeign = "session_foreign", WhatNow, SessionUnknown;
    /// The message makes sense in a session only, and names none.
    SessionMissing = "session_missing", WhatNow, BadMessage;
    /// The arguments do not fit the tool's declared input.
    ArgumentsInvalid = "arguments_invalid", WhatNow, BadParameters;
    /// The action or resource is beyond what the registry lets the agent have.
    BeyondLimits = "beyond_limits", WhatNow, PolicyDenied;
    /// None of the token's authorization details covers this action.
    DetailsNotGranted = "details_not_granted", WhatNow, PolicyDenied;
    /// Policy does not allow the agent this action.
    AgentNotAllowed = "agent_not_allowed", WhatNow, PolicyDenied;
    /// The agent does this too often, or too much of it; after a while it may again (`@retry_after`).
    RateLimited = "rate_limited", WhatNow, TooMany;
    /// Whoever the agent acts for has to log in again, in another way or more lately (RFC 9470).
    StepUpRequired = "step_up_required", WhatNow, StepUp;
    /// The token lacks a scope that this needs; another token would have it (`@scope`, RFC 6750 §3.1).
    ScopeMissing = "scope_missing", WhatNow, InsufficientScope;
    /// What permits this is tied to an obligation that is not understood.
    ObligationUnknown = "obligation_unknown", WhatNow, PolicyDenied;
    /// A human has to approve this action first.
    ApprovalRequired = "approval_required", WhatNow, ApprovalRequired;
    /// A human was asked and said no.
    ApprovalDenied = "approval_denied", WhatNow, ApprovalDenied;
    /// The approval of this action has been used: another one is needed.
    ApprovalUsed = "approval_used", WhatNow, ApprovalRequired;
    /// The approval has expired.
    ApprovalExpired = "approval_expired", WhatNow, ApprovalInvalid;
    /// The approval is of another action, agent, delegator or policy revision than this request.
    ApprovalOutOfScope = "approval_out_of_scope", WhatNow, ApprovalInvalid;
    /// Whoever approved may not: not a known and active human, the agent, somebody of its chain or its delegator, or without the role that is asked for.
    ApproverIneligible = "approver_ineligible", WhatNow, ApprovalInvalid;
    /// A human has approved, and the policy that asked for it does not look at approvals.
    ApprovalIgnored = "approval_ignored", WhatNow, PolicyDenied;
    /// What a human would approve can't be written down exactly: a number that is not an integer below 2^53, a text that is too long to be shown, an HTTP body that is not JSON or is compressed, answers to the server beside the arguments, or another action that comes along with one that has none.
    ApprovalUncanonical = "approval_uncanonical", WhatNow, BadParameters;
    /// This agent waits for as many approvals as one agent may.
    ApprovalsPending = "approvals_pending", WhatNow, TooMany;

    // Can it be verified?
    /// There is no bundle yet, so nothing can be decided.
    BundleUnavailable = "bundle_unavailable", Verifiable, Unavailable;
    /// The bundle has been confirmed by nobody for too long.
    BundleStale = "bundle_stale", Verifiable, Unavailable;
    /// The bundle has expired.
    BundleExpired = "bundle_expired", Verifiable, Unavailable;
    /// There is no list of revocations, or only one that is too old.
    RevocationsUnavailable = "revocations_unavailable", Verifiable, Unavailable;
    /// The transmitter of security events could not be asked for too long.
    EventsUnavailable = "events_unavailable", Verifiable, Unavailable;
    /// The approval service could not be asked, or its answer is none.
    ApprovalUnavailable = "approval_unavailable", Verifiable, Unavailable;
    /// The approval is not one that the configured service has signed for this gateway, or it lives too long.
    ApprovalUnverifiable = "approval_unverifiable", Verifiable, ApprovalInvalid;
    /// A policy failed to evaluate, so nothing can be allowed.
    PolicyError = "policy_error", Verifiable, EngineError;
    /// The request would need more fetches than one request is worth.
    FetchBudgetSpent = "fetch_budget_spent", Verifiable, Unavailable;
    /// The host holds as many requests that wait for the same thing as it can.
    TooManyWaiting = "too_many_waiting", Verifiable, Unavailable;
    /// The host has no store that its workers share, or could not read or write it, and something depends on what is in it.
    StateUnavailable = "state_unavailable", Verifiable, Unavailable;
    /// There is no room to remember that this was used.
    StateFull = "state_full", Verifiable, Unavailable;
    /// This agent has used as many proofs in a short time as one agent may.
    AgentStateFull = "agent_state_full", Verifiable, Unavailable;
    /// Other workers kept changing what this request had to write.
    StateContended = "state_contended", Verifiable, Unavailable;
    /// The host could not do what the decision asked of it.
    EngineFault = "engine_fault", Verifiable, EngineError;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_codes_are_unique_and_explained() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(reason.meaning().ends_with('.'), "{reason:?}");
        }
    }
}
