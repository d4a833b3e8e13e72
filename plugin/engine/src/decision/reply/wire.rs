//! The classes of refusal that a caller can tell apart, and what each is called on the wire.
//!
//! Not here: which reason is of which class (`reason`), and the answers made of them (`reply`, `a2a`).

use super::{BEARER, DPOP};

/// The classes of refusal a caller can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// 401 without an error code (RFC 6750 §3.1): nothing was presented.
    NoCredential,
    /// 400 `invalid_request`.
    InvalidRequest,
    /// 401 `invalid_token`: the same for every cause.
    InvalidToken,
    /// 401 `invalid_dpop_proof` (RFC 9449 §7.1).
    DpopProof,
    /// 401 `use_dpop_nonce` (RFC 9449 §9), with the nonce.
    DpopNonce,
    /// 400 about a workload identity or its proof (WIMSE discourages 401).
    WorkloadProof,
    /// 403 `actor_unauthorized` (OAuth Actor Profile): more scope would not help.
    ActorUnauthorized,
    /// 403: nothing the caller can fetch would help.
    PolicyDenied,
    /// 401 `insufficient_user_authentication` (RFC 9470 §3).
    StepUp,
    /// 403 `insufficient_scope` (RFC 6750 §3.1), with the scopes that it takes.
    InsufficientScope,
    /// 403 that an approval would turn.
    ApprovalRequired,
    /// 403: a human has said no.
    ApprovalDenied,
    /// 403: there is an approval, and it does not allow this.
    ApprovalInvalid,
    /// 429.
    TooMany,
    /// 400: not a well-formed request.
    Malformed,
    /// 404, upon which an MCP client begins a new session.
    SessionUnknown,
    /// 404: what an A2A server says of a task that is not the caller's.
    TaskUnknown,
    /// 405.
    MethodNotServed,
    /// 415.
    MediaType,
    /// 413.
    TooLarge,
    /// 408.
    TooSlow,
    /// 400: not JSON.
    BadJson,
    /// 400: not a JSON-RPC message.
    BadMessage,
    /// 400: parameters.
    BadParameters,
    /// 400: protocol version.
    Version,
    /// 400: header and body differ.
    HeaderMismatch,
    /// 503: a dependency is missing.
    Unavailable,
    /// 503: no decision could be made.
    EngineError,
}

impl Wire {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NoCredential
            | Self::InvalidToken
            | Self::DpopProof
            | Self::DpopNonce
            | Self::StepUp => 401,
            Self::ActorUnauthorized
            | Self::PolicyDenied
            | Self::InsufficientScope
            | Self::ApprovalRequired
            | Self::ApprovalDenied
            | Self::ApprovalInvalid => 403,
            Self::SessionUnknown | Self::TaskUnknown => 404,
            Self::MethodNotServed => 405,
            Self::TooSlow => 408,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::TooMany => 429,
            Self::Unavailable | Self::EngineError => 503,
            Self::InvalidRequest
            | Self::WorkloadProof
            | Self::Malformed
            | Self::BadJson
            | Self::BadMessage
            | Self::BadParameters
            | Self::Version
            | Self::HeaderMismatch => 400,
        }
    }

    /// Stable code of the problem type.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::DpopProof => "invalid_dpop_proof",
            Self::DpopNonce => "use_dpop_nonce",
            Self::WorkloadProof => "invalid_workload_proof",
            Self::ActorUnauthorized => "actor_unauthorized",
            Self::PolicyDenied => "not_permitted",
            Self::StepUp => "insufficient_user_authentication",
            Self::InsufficientScope => "insufficient_scope",
            Self::ApprovalRequired => "approval_required",
            Self::ApprovalDenied => "approval_denied",
            Self::ApprovalInvalid => "approval_invalid",
            Self::TooMany => "too_many",
            Self::Malformed => "malformed_request",
            Self::SessionUnknown => "session_unknown",
            Self::TaskUnknown => "task_not_found",
            Self::MethodNotServed => "method_not_allowed",
            Self::MediaType => "unsupported_media_type",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::BadJson => "bad_json",
            Self::BadMessage => "bad_message",
            Self::BadParameters => "bad_parameters",
            Self::Version => "unsupported_version",
            Self::HeaderMismatch => "header_mismatch",
            Self::Unavailable => "unavailable",
            Self::EngineError => "no_decision",
        }
    }

    /// Plain words for the caller.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::NoCredential => "An access token is required",
            Self::InvalidRequest => "The request's credentials are not well formed",
            Self::InvalidToken => "The access token is not valid here",
            Self::DpopProof => "The DPoP proof is not valid here",
            Self::DpopNonce => "The DPoP proof needs the nonce in this answer",
            Self::WorkloadProof => "The workload identity is not proven",
            Self::ActorUnauthorized => "This actor is not authorized",
            Self::PolicyDenied => "Not permitted",
            Self::StepUp => "The user has to authenticate again for this",
            Self::InsufficientScope => "The access token lacks a scope that this needs",
            Self::ApprovalRequired => "A human has to approve this first",
            Self::ApprovalDenied => "A human has refused this",
            Self::ApprovalInvalid => "The approval does not allow this",
            Self::TooMany => "Too many requests of this kind",
            Self::Malformed => "The request is not well formed",
            Self::SessionUnknown => "There is no such session",
            Self::TaskUnknown => "There is no such task",
            Self::MethodNotServed => "This HTTP method is not served here",
            Self::MediaType => "Send one JSON document, not encoded",
            Self::TooSlow => "The request took too long",
            Self::TooLarge => "The request body is too large",
            Self::BadJson => "The body is not strict JSON",
            Self::BadMessage => "The body is not a single JSON-RPC 2.0 message",
            Self::BadParameters => "The parameters are not valid for this method",
            Self::Version => "This protocol version is not supported",
            Self::HeaderMismatch => "A routing header does not match the body",
            Self::Unavailable => "The gateway can't verify credentials right now",
            Self::EngineError => "No decision could be made",
        }
    }

    /// Scheme and error: RFC 6750 §3, RFC 9728 §5.1, RFC 9449 §7.1, Actor Profile.
    pub(super) fn challenge(self) -> Option<(&'static str, Option<&'static str>)> {
        match self {
            Self::NoCredential => Some((BEARER, None)),
            Self::InvalidRequest
            | Self::InvalidToken
            | Self::ActorUnauthorized
            | Self::StepUp
            | Self::InsufficientScope => Some((BEARER, Some(self.code()))),
            Self::DpopProof | Self::DpopNonce => Some((DPOP, Some(self.code()))),
            _ => None,
        }
    }

    /// A status code of gRPC (`statuscodes.md`); for what a proxy answers, `http-grpc-status-mapping.md`.
    pub(super) fn grpc_status(self) -> &'static str {
        match self.status() {
            // INVALID_ARGUMENT, UNAUTHENTICATED, PERMISSION_DENIED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED.
            400 | 415 => "3",
            401 => "16",
            403 => "7",
            408 => "4",
            413 | 429 => "8",
            // UNIMPLEMENTED, and UNAVAILABLE.
            404 | 405 => "12",
            _ => "14",
        }
    }

    /// MCP 2026-07-28 reserves −32020…−32099 and discourages the rest of −32000…, so a refusal
    /// there uses the HTTP status as an application code; older peers expect −32001 (standards C1).
    pub(super) fn rpc_code(self, modern: bool) -> i64 {
        match self {
            Self::BadJson => -32700,
            Self::Malformed | Self::BadMessage | Self::TooLarge | Self::MediaType => -32600,
            Self::BadParameters => -32602,
            Self::HeaderMismatch => -32020,
            Self::Version => -32022,
            Self::Unavailable | Self::EngineError => -32603,
            Self::NoCredential
            | Self::InvalidRequest
            | Self::InvalidToken
            | Self::DpopProof
            | Self::DpopNonce
            | Self::WorkloadProof
            | Self::ActorUnauthorized
            | Self::PolicyDenied
            | Self::StepUp
            | Self::InsufficientScope
            | Self::ApprovalRequired
            | Self::ApprovalDenied
            | Self::ApprovalInvalid
            | Self::TooMany
            | Self::TooSlow
            | Self::SessionUnknown
            | Self::TaskUnknown
            | Self::MethodNotServed => {
                if modern {
                    self.status().into()
                } else {
                    -32001
                }
            }
        }
    }
}
