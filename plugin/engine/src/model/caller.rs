//! What kind of caller somebody is.

/// Decided by proof and by the registry, never by what a caller says of itself: `User-Agent` and MCP's
/// `clientInfo` are no inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerClass {
    /// A registered agent.
    Agent,
    /// A registered identity that is no agent: a service, a job.
    Workload,
    /// A person's own token, without an actor.
    Human,
    /// Signed its request as a bot of a configured directory. That says who sent it and gives no
    /// right (BOT-5).
    DeclaredBot,
    /// Nothing was proven.
    #[default]
    Unknown,
}

impl CallerClass {
    /// As receipts and policies write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Workload => "workload",
            Self::Human => "human",
            Self::DeclaredBot => "declared_bot",
            Self::Unknown => "unknown",
        }
    }
}
