//! What is wanted: an action on a resource, with its input.

use crate::json::Object;

/// How it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolName {
    /// Model Context Protocol over streamable HTTP.
    Mcp,
    /// Agent2Agent, JSON-RPC or HTTP+JSON.
    A2a,
    /// Plain HTTP, by the route table.
    Http,
}

impl ProtocolName {
    /// As policies and receipts write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
            Self::Http => "http",
        }
    }
}

/// The id of a Cedar action, one that the configuration or a protocol defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionName(pub(crate) String);

impl ActionName {
    /// The id without its type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The Cedar entity type of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// An MCP server as a whole.
    Server,
    /// One tool of an MCP server.
    Tool,
    /// One resource of an MCP server, or a family of them, as declared.
    Resource,
    /// One prompt of an MCP server.
    Prompt,
    /// An agent that is spoken to by A2A, as a whole.
    RemoteAgent,
    /// One skill of such an agent.
    Skill,
    /// An HTTP route.
    Endpoint,
}

impl ResourceKind {
    /// The entity type's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Tool => "Tool",
            Self::Resource => "Resource",
            Self::Prompt => "Prompt",
            Self::RemoteAgent => "RemoteAgent",
            Self::Skill => "Skill",
            Self::Endpoint => "Endpoint",
        }
    }
}

/// One resource, one that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceId {
    /// Its type.
    pub kind: ResourceKind,
    /// Its id.
    pub id: String,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// How it was asked.
    pub protocol: ProtocolName,
    /// The action.
    pub action: ActionName,
    /// On what.
    pub resource: ResourceId,
    /// The arguments, hostile but well-formed; `None` where the action has none.
    pub input: Option<Object>,
    /// What policy sees of `input`.
    pub typing: Typing,
}

/// Whether policy may read an input as `context.input`, and who has seen to its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    /// It may not: the action declares no type.
    #[default]
    Opaque,
    /// The action declares a type, and the input has yet to be held against it.
    Declared,
    /// It was put together here, of that type: the parameters of a route, the URI of a resource.
    Known,
}

impl Typing {
    /// Of an action that declares an input type, or none.
    pub(crate) fn declared(is: bool) -> Self {
        if is { Self::Declared } else { Self::Opaque }
    }

    /// Whether policy may read the input.
    #[must_use]
    pub fn is_typed(self) -> bool {
        self != Self::Opaque
    }
}
