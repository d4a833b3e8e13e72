//! What a response passes through on its way back: a `tools/list` answer loses the tools its caller
//! could not be permitted to call.
//!
//! The reading is `protocol`'s, the question is `policy`'s; this only joins them, for as long as
//! the response takes. It holds the policy the request was decided with.

use std::collections::BTreeMap;
use std::fmt;

use crate::authority::Caller;
use crate::model::{ActionName, Asked, ProtocolName, ResourceId, ResourceKind};
use crate::policy::SharedPolicy;
use crate::protocol::{ListFilter, ToolCatalogue, ToolEntry};
use std::rc::Rc;

pub use crate::protocol::ResponseEdits;

/// Filters one response, chunk by chunk.
pub struct ResponseFilter {
    list: ListFilter,
    asking: Asking,
    /// Of tools of the catalogue, so no more than those: a stream may repeat a list for ever.
    answers: BTreeMap<String, bool>,
}

/// Who asked, and by which policy.
struct Asking {
    policy: SharedPolicy,
    caller: Rc<Caller>,
    server: String,
    tools: Rc<ToolCatalogue>,
}

impl ResponseFilter {
    pub(crate) fn new(
        list: ListFilter,
        policy: SharedPolicy,
        caller: Rc<Caller>,
        (server, tools): (String, Rc<ToolCatalogue>),
    ) -> Self {
        let asking = Asking { policy, caller, server, tools };
        Self { list, asking, answers: BTreeMap::new() }
    }

    /// Takes in the head of the response. Returns what changes in it before it goes on: the body's
    /// length is about to change, and perhaps its type.
    pub fn head(&mut self, status: u16, headers: &[(Vec<u8>, Vec<u8>)]) -> ResponseEdits {
        self.list.head(status, headers)
    }

    /// Takes in the next bytes of the body and returns those that may go to the caller in their
    /// place. `end`: there are no more.
    pub fn push(&mut self, chunk: &[u8], end: bool) -> Vec<u8> {
        let Self { list, asking, answers } = self;
        list.push(chunk, end, &mut |tool| {
            let Some(entry) = asking.tools.get(tool) else { return false };
            if let Some(answer) = answers.get(tool) {
                return *answer;
            }
            let answer = asking.could_call(tool, *entry);
            answers.insert(tool.to_owned(), answer);
            answer
        })
    }
}

impl Asking {
    fn could_call(&self, tool: &str, entry: ToolEntry) -> bool {
        let id = format!("{}/{tool}", self.server);
        let asked = Asked {
            protocol: ProtocolName::Mcp,
            action: ActionName(id.clone()),
            resource: ResourceId { kind: ResourceKind::Tool, id },
            input: None,
            typed_input: entry.typed_input,
        };
        self.caller.could(&self.policy, &asked)
    }
}

impl fmt::Debug for ResponseFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFilter").finish_non_exhaustive()
    }
}
