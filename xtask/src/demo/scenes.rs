//! The scenes, and what must come of each. The demo fails if anything else does.

use super::expect::Expected;

/// Who sends the requests.
#[derive(Clone, Copy)]
pub(crate) enum Sender {
    /// An agent for a human.
    Delegate { agent: &'static str, human: &'static str },
    /// An agent on its own account.
    Autonomous { agent: &'static str },
    /// Whoever holds a human's own token.
    Human { human: &'static str },
}

/// Requests of one sender over one connection.
pub(crate) struct Act {
    pub(crate) sender: Sender,
    /// The MCP version.
    pub(crate) protocol: &'static str,
    pub(crate) scenes: &'static [Scene],
}

/// One request.
pub(crate) struct Scene {
    /// As the agent is told; none for the connection itself.
    pub(crate) step: &'static str,
    /// As people read it.
    pub(crate) shown: &'static str,
    /// What it teaches.
    pub(crate) lesson: &'static str,
    pub(crate) expected: Expected,
}

const MODERN: &str = "2026-07-28";
const SESSIONS: &str = "2025-11-25";
/// A scene that is over with the first request.
pub(crate) const CONNECT: &str = "";

const REFUND_BOT_FOR_DANA: Sender = Sender::Delegate { agent: "refund-bot", human: "dana" };
const DANAS_TOOLS: &[&str] = &["get_order", "list_orders", "refund"];

/// The play, in order.
pub(crate) const ACTS: &[Act] = &[
    Act {
        sender: REFUND_BOT_FOR_DANA,
        protocol: MODERN,
        scenes: &[
            Scene {
                step: "tools/list",
                shown: "tools/list",
                lesson: "3 of 6 tools shown",
                expected: Expected::allow(
                    &["anyone-registered-may-connect"],
                    &["anyone-registered-may-connect"],
                )
                .showing(DANAS_TOOLS),
            },
            Scene {
                step: r#"tools/call get_order {"id":1042}"#,
                shown: "get_order {id: 1042}",
                lesson: "both may read",
                expected: Expected::allow(
                    &["support-agents-read-orders"],
                    &["support-staff-serve-orders"],
                ),
            },
            Scene {
                step: r#"tools/call refund {"id":1042,"amount":40}"#,
                shown: "refund {id: 1042, amount: 40}",
                lesson: "a small refund",
                expected: Expected::allow(&["small-refunds"], &["support-staff-serve-orders"]),
            },
            Scene {
                step: r#"tools/call refund {"id":1042,"amount":400}"#,
                shown: "refund {id: 1042, amount: 400}",
                lesson: "role:finance has to approve it",
                expected: Expected::ask(
                    &["refunds-over-100-need-a-human"],
                    &["support-staff-serve-orders"],
                    &["role:finance"],
                ),
            },
            Scene {
                step: r#"tools/call refund {"id":1042,"amount":4000}"#,
                shown: "refund {id: 1042, amount: 4000}",
                lesson: "over the limit, and nobody can approve it",
                expected: Expected::deny("agent_not_allowed", 403)
                    .by(&["refund-limits", "refunds-over-100-need-a-human"], &["refund-limits"]),
            },
            Scene {
                step: r#"tools/call delete_customer {"id":7}"#,
                shown: "delete_customer {id: 7}",
                lesson: "the agent may, dana may not",
                expected: Expected::deny("delegator_not_allowed", 403)
                    .by(&["support-agents-delete-customers"], &[]),
            },
        ],
    },
    Act {
        sender: REFUND_BOT_FOR_DANA,
        protocol: SESSIONS,
        scenes: &[Scene {
            step: "tools/list",
            shown: "tools/list over MCP 2025-11-25",
            lesson: "the same 3 tools for a client with sessions",
            expected: Expected::allow(
                &["anyone-registered-may-connect"],
                &["anyone-registered-may-connect"],
            )
            .showing(DANAS_TOOLS),
        }],
    },
    Act {
        sender: Sender::Human { human: "dana" },
        protocol: MODERN,
        scenes: &[Scene {
            step: CONNECT,
            shown: "dana's own token, no actor",
            lesson: "an agent must present itself",
            expected: Expected::deny("impersonation", 403),
        }],
    },
    Act {
        sender: Sender::Delegate { agent: "orphan-bot", human: "dana" },
        protocol: MODERN,
        scenes: &[Scene {
            step: CONNECT,
            shown: "orphan-bot connects",
            lesson: "nobody answers for it",
            expected: Expected::deny("agent_without_owner", 403),
        }],
    },
    Act {
        sender: Sender::Delegate { agent: "old-bot", human: "dana" },
        protocol: MODERN,
        scenes: &[Scene {
            step: CONNECT,
            shown: "old-bot connects",
            lesson: "it was suspended",
            expected: Expected::deny("agent_suspended", 403),
        }],
    },
    Act {
        sender: Sender::Autonomous { agent: "nightly-report" },
        protocol: MODERN,
        scenes: &[
            Scene {
                step: r#"tools/call list_orders {"customer":7}"#,
                shown: "list_orders {customer: 7}",
                lesson: "on its own account, as listed",
                expected: Expected::allow(&["nightly-report-exports"], &[]),
            },
            Scene {
                step: "tools/call export_customers {}",
                shown: "export_customers {}",
                lesson: "on its own account, as listed",
                expected: Expected::allow(&["nightly-report-exports"], &[]),
            },
            Scene {
                step: r#"tools/call refund {"id":1042,"amount":40}"#,
                shown: "refund {id: 1042, amount: 40}",
                lesson: "not listed",
                expected: Expected::deny("agent_not_allowed", 403).by(&[], &[]),
            },
        ],
    },
];
