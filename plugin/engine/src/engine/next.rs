//! Where the stages of a request stop, and how a request ends.

use crate::decision::{Permit, Reason, Reply};
use crate::policy::StepUp;
use crate::recall::Recall;
use crate::response::ResponseFilter;
use crate::step::{Fetch, HeaderEdits};

/// Where the stages stopped.
pub(super) enum Next {
    Publish(Reply),
    Fetch(Fetch),
    Recall(Recall),
    Body(usize),
    Forward(Permit, Box<Onward>),
    Refuse(Refusal),
}

/// How a request ends.
pub(super) enum Ending {
    Refuse(Refusal),
    Forward(Permit, Box<Onward>),
}

/// Why a request does not go on.
pub(super) enum Refusal {
    Deny(Reason),
    /// After so many seconds it may be another answer.
    Later(Reason, u64),
    /// Whoever the agent acts for has to authenticate again.
    StepUp(StepUp),
    /// A human has to approve it: who may, and the page where they can.
    Approval {
        reason: Reason,
        approvers: Vec<String>,
        page: Option<String>,
    },
}

/// What goes along with a permitted request.
pub(super) struct Onward {
    pub(super) edits: HeaderEdits,
    pub(super) body: Option<Vec<u8>>,
    pub(super) response: Option<ResponseFilter>,
}

pub(super) fn deny(reason: Reason) -> Next {
    Next::Refuse(Refusal::Deny(reason))
}
