//! The answer, the proofs it is made of, and what the caller gets to see of it.
//!
//! Exact inside, coarse outside: a [`Reason`] goes into the receipt, only its [`Wire`] class goes
//! to the caller.

mod advice;
mod permit;
mod reason;
mod reply;

pub use permit::{AgentGrant, DelegatorGrant, Permit, Verdict};
pub use reason::{Question, Reason};
pub(crate) use reply::{
    A2aShape, DpopChallenge, EVALUATION_HEADER, INPUT_NAME, Leads, Refused, RpcId, Shape, WAITING,
    Waits,
};
pub use reply::{Reply, Wire};
