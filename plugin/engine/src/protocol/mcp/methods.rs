//! Every JSON-RPC method that is served, in one table. A method that is not here is refused,
//! whatever it is: an unknown one may do anything (COAZ "Unknown Methods").
//!
//! The members of `params` are listed too, and no others are let through: what the decision did not
//! see must not reach a server that might act on it. `_meta` is allowed everywhere, MCP's own place
//! for what a receiver may ignore. So `task` (a call that outlives its decision) and
//! `inputResponses` with `requestState` (input that no policy read) are refused until supported.

use super::Version;

/// One method.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) eras: Eras,
    /// Members of `params`, besides `_meta`.
    pub(super) params: &'static [&'static str],
}

/// What a method is to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// To the server as a whole.
    Server,
    /// The same, and its answer lists tools.
    List,
    /// Calls a tool.
    Call,
    /// Expects no answer.
    Notification,
}

/// The protocol versions that know a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eras {
    Both,
    Legacy,
    Modern,
}

impl Method {
    /// Whether it expects an answer, and so has an id.
    pub(super) fn is_request(&self) -> bool {
        self.kind != Kind::Notification
    }
}

/// The method of that name, byte for byte, in that version.
pub(super) fn find(name: &str, version: Version) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name && method.eras.include(version))
}

impl Eras {
    fn include(self, version: Version) -> bool {
        match self {
            Self::Both => true,
            Self::Legacy => !version.is_modern(),
            Self::Modern => version.is_modern(),
        }
    }
}

const fn method(
    name: &'static str,
    kind: Kind,
    eras: Eras,
    params: &'static [&'static str],
) -> Method {
    Method { name, kind, eras, params }
}

/// 2026-07-28 did away with `initialize`, `ping` and what clients used to notify (its changelog);
/// `notifications/cancelled` is still in its schema, so a client that sends it is let alone.
const METHODS: &[Method] = &[
    method(
        "initialize",
        Kind::Server,
        Eras::Legacy,
        &["protocolVersion", "capabilities", "clientInfo"],
    ),
    method("server/discover", Kind::Server, Eras::Modern, &[]),
    method("ping", Kind::Server, Eras::Legacy, &[]),
    method("tools/list", Kind::List, Eras::Both, &["cursor"]),
    method("tools/call", Kind::Call, Eras::Both, &["name", "arguments"]),
    method("notifications/initialized", Kind::Notification, Eras::Legacy, &[]),
    method("notifications/cancelled", Kind::Notification, Eras::Both, &["requestId", "reason"]),
    method(
        "notifications/progress",
        Kind::Notification,
        Eras::Legacy,
        &["progressToken", "progress", "total", "message"],
    ),
    method("notifications/roots/list_changed", Kind::Notification, Eras::Legacy, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_listed_once() {
        let mut names: Vec<_> = METHODS.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METHODS.len());
        for method in METHODS {
            let notifies = method.name.starts_with("notifications/");
            assert_eq!(notifies, !method.is_request(), "{}", method.name);
        }
    }

    #[test]
    fn a_method_belongs_to_its_era() {
        let (old, new) = (Version::V2025_11_25, Version::V2026_07_28);
        for (name, in_old, in_new) in [
            ("initialize", true, false),
            ("ping", true, false),
            ("server/discover", false, true),
            ("tools/list", true, true),
            ("tools/call", true, true),
            ("notifications/initialized", true, false),
            ("notifications/cancelled", true, true),
        ] {
            assert_eq!(
                (find(name, old).is_some(), find(name, new).is_some()),
                (in_old, in_new),
                "{name}"
            );
        }
    }
}
