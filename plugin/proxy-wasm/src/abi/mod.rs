//! Proxy-Wasm ABI 0.2.1: its words, and safe functions over its calls.
//!
//! A host's status is a value here, never a panic: a panic traps the VM, and with it every request
//! of that worker. Nothing here knows what a decision is.
//!
//! Reference: <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>.

#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(target_arch = "wasm32")]
pub(crate) mod host;
#[cfg(target_arch = "wasm32")]
mod imports;
pub(crate) mod pairs;

use std::fmt;

/// Why a host call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u32);

impl Status {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const NOT_FOUND: Self = Self(1);
    pub(crate) const BAD_ARGUMENT: Self = Self(2);
    /// Also ours, for a header map that a host wrote in a way the ABI does not know.
    pub(crate) const PARSE_FAILURE: Self = Self(4);
    /// Somebody else wrote the value meanwhile.
    pub(crate) const CAS_MISMATCH: Self = Self(8);
    /// Also ours, for what would not fit the ABI's 32-bit sizes.
    pub(crate) const INTERNAL_FAILURE: Self = Self(10);

    /// The status as a result.
    pub(crate) fn ok(self) -> Result<(), Self> {
        if self == Self::OK { Ok(()) } else { Err(self) }
    }
}

/// With the names of the specification; a host may know more of them than we do.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "Ok",
            1 => "NotFound",
            2 => "BadArgument",
            3 => "SerializationFailure",
            4 => "ParseFailure",
            6 => "InvalidMemoryAccess",
            7 => "Empty",
            8 => "CasMismatch",
            10 => "InternalFailure",
            12 => "Unimplemented",
            other => return write!(f, "status {other}"),
        };
        f.write_str(name)
    }
}

/// What the host shall do with the part of a stream it just showed us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Action {
    /// Pass it on.
    Continue = 0,
    /// Keep it, and all that follows.
    Pause = 1,
}

/// Levels of `proxy_log`.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Level {
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// Header maps.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    CallHeaders = 6,
}

/// Buffers.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallBody = 4,
    PluginConfiguration = 7,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_ok_and_no_status_is_unknown_enough_to_panic() {
        assert_eq!(Status(0).ok(), Ok(()));
        for status in 1..2000 {
            assert_eq!(Status(status).ok(), Err(Status(status)));
            assert!(!Status(status).to_string().is_empty());
        }
        assert_eq!(Status::BAD_ARGUMENT.to_string(), "BadArgument");
        assert_eq!(Status(77).to_string(), "status 77");
    }
}
