//! The numbers of the proxy-wasm 0.2.1 ABI. No behaviour.

/// What a host function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// No such value.
    NotFound = 1,
    /// Wrong argument, or not available in this callback.
    BadArgument = 2,
    /// A value has no byte form.
    SerializationFailure = 3,
    /// An argument could not be parsed.
    ParseFailure = 4,
    /// A pointer outside the guest's memory.
    InvalidMemoryAccess = 6,
    /// The queue is empty.
    Empty = 7,
    /// Compare-and-swap met another value.
    CasMismatch = 8,
    /// The host failed.
    InternalFailure = 10,
    /// This host does not offer the function.
    Unimplemented = 12,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum LogLevel {
    /// 0
    Trace = 0,
    /// 1
    Debug = 1,
    /// 2; standard output of the guest
    Info = 2,
    /// 3
    Warn = 3,
    /// 4; standard error of the guest
    Error = 4,
    /// 5; also used by the host for traps
    Critical = 5,
}

impl LogLevel {
    pub(super) fn from_abi(level: i32) -> Option<Self> {
        use LogLevel::{Critical, Debug, Error, Info, Trace, Warn};
        [Trace, Debug, Info, Warn, Error, Critical].into_iter().find(|known| *known as i32 == level)
    }
}

/// Which header map a host function means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MapKind {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
    GrpcMetadata,
    CallHeaders,
    CallTrailers,
}

impl MapKind {
    pub(super) fn from_abi(kind: i32) -> Option<Self> {
        Some(match kind {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            4 | 5 => Self::GrpcMetadata,
            6 => Self::CallHeaders,
            7 => Self::CallTrailers,
            _ => return None,
        })
    }
}

/// Which buffer a host function means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BufferKind {
    RequestBody,
    ResponseBody,
    CallBody,
    VmConfiguration,
    PluginConfiguration,
    /// TCP data, gRPC messages and call data: empty for an HTTP plugin.
    Other,
}

impl BufferKind {
    pub(super) fn from_abi(kind: i32) -> Option<Self> {
        Some(match kind {
            0 => Self::RequestBody,
            1 => Self::ResponseBody,
            2 | 3 | 5 | 8 => Self::Other,
            4 => Self::CallBody,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            _ => return None,
        })
    }
}
