//! Who is the agent? What the answer costs without a gateway.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::asking::Asking;
use crate::decide::{Host, first_sight, warm};
use crate::identities::{Identities, proven};
use crate::subject::{self, Once, Subject};

/// `{subject: [microseconds in round 1, in round 2, …]}`.
pub(crate) fn measure(of: &Identities, rounds: usize) -> Result<Value> {
    let (world, http) = (&of.world, Asking::http());
    let mut subjects = vec![
        Subject::new("before", refused(of, &Asking::unmapped(), &world.token(0), "unmapped")?),
        Subject::new("after", refused(of, &http, &of.suspended(), "agent_suspended")?),
        Subject::new("warm", warm(world, &http)?),
        Subject::new("dpop", each_proven(of, &http)?),
    ];
    for key in &of.issuer {
        let once = first_sight(world, &http, of.tokens(key))?;
        subjects.push(Subject::new(key.algorithm(), once));
    }
    subject::measure(subjects, rounds)
}

/// Refused for that reason, again and again.
fn refused<'w>(
    of: &Identities,
    asking: &Asking,
    token: &str,
    reason: &'static str,
) -> Result<Once<'w>> {
    let (mut host, pairs) = (Host::new(&of.world)?, asking.pairs(token));
    let reason = format!("\"reason\":\"{reason}\"");
    Ok(Box::new(move || {
        let (allowed, receipt) = host.decided(&pairs, "")?;
        ensure!(!allowed && receipt.contains(&reason), "not refused for {reason}: {receipt}");
        Ok(())
    }))
}

/// Every request with a proof that nobody has seen, under a token that was seen before.
fn each_proven<'w>(of: &Identities, asking: &Asking) -> Result<Once<'w>> {
    let mut host = Host::new(&of.world)?;
    let all = proven(&of.senders, PROOFS, of.world.now);
    let all: Vec<_> = all.map(|credentials| asking.pairs_with(&credentials)).collect();
    let mut next = all.into_iter();
    Ok(Box::new(move || {
        let pairs = next.next().context("there are too few proofs")?;
        host.allowed(&pairs, "")
    }))
}

/// For slices of 40 ms in a dozen rounds and more.
const PROOFS: usize = 8192;
