//! The typed facts of a request, valid by construction.
//!
//! Nothing here reads a wire format or knows a host. A value of these types has already passed the
//! check that its module names; there is no `validate()` to forget.

mod action;
mod caller;
mod delegation;
mod identity;
pub(crate) mod sorted;
mod time;
mod workload;

pub use action::{ActionName, Asked, ProtocolName, ResourceId, ResourceKind, Typing};
pub use caller::CallerClass;
pub use delegation::{Actor, Delegation};
pub(crate) use identity::is_plain;
pub use identity::{InvalidIdentity, IssuerId, PrincipalId};
pub use time::{EvaluationId, Period, Timestamp};
pub use workload::{InvalidWorkload, TrustDomain, WorkloadId};
