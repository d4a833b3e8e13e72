//! Workload Proof Tokens (WIMSE draft-ietf-wimse-wpt): a proof that the sender of a workload identity
//! token holds the key in it, for this target and together with these tokens.
//!
//! A proof must cover every token of the request that a decision could rest on (WPT-3).

use super::target::Targets;
use super::{MAX_JTI_BYTES, Proven, digest, text};
use crate::credential::claims::instant;
use crate::credential::jws::Jws;
use crate::decision::Reason;
use crate::json::Object;
use crate::model::Timestamp;
use crate::recall::Once;
use crate::trust::{Key, Trust};

/// What proofs are accepted.
#[derive(Clone, Debug)]
pub(crate) struct WptRules {
    /// Values of `aud` besides the target URI.
    pub(crate) audiences: Vec<String>,
    /// How far ahead `exp` may be.
    pub(crate) max_seconds: u64,
}

/// What a proof has to be about.
pub(super) struct Request<'r> {
    pub(super) targets: &'r Targets,
    /// The workload identity token, the key in it, and that key's algorithm as it is written there.
    pub(super) identity: &'r str,
    pub(super) key: &'r Key,
    pub(super) alg: &'r str,
    /// The access token beside it.
    pub(super) access: Option<&'r str>,
    /// The transaction token beside it.
    pub(super) transaction: Option<&'r str>,
}

impl WptRules {
    pub(super) fn verify(
        &self,
        proof: &str,
        request: &Request<'_>,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Proven, Reason> {
        let jws = Jws::parse(proof).map_err(|_| Reason::WptMalformed)?;
        // WPT-1: the same text, not the same meaning.
        if !jws.is_of_type("wpt+jwt") || jws.algorithm != request.alg {
            return Err(Reason::WptMalformed);
        }
        if !trust.holds(request.key, jws.message, &jws.signature) {
            return Err(Reason::WptSignatureInvalid);
        }
        let claims = &jws.claims;
        self.check_target(claims, request.targets)?;
        check_covered(claims, request)?;
        let until = self.check_time(claims, now)?;
        let jti = text(claims, "jti").filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES);
        let jti = jti.ok_or(Reason::WptMalformed)?;
        let key_thumbprint = request.key.thumbprint().to_owned();
        let once = Once::new("wpt", &[key_thumbprint.as_bytes(), jti.as_bytes()], until);
        Ok(Proven { key_thumbprint, once })
    }

    /// WPT-2: the URI of the request on an origin of ours, or a name the configuration gives it.
    fn check_target(&self, claims: &Object, targets: &Targets) -> Result<(), Reason> {
        let aud = text(claims, "aud").ok_or(Reason::WptMalformed)?;
        let named = targets.named_by(aud).is_some() || self.audiences.iter().any(|a| a == aud);
        if named { Ok(()) } else { Err(Reason::WptTargetMismatch) }
    }

    fn check_time(&self, claims: &Object, now: Timestamp) -> Result<Timestamp, Reason> {
        let exp = instant(claims, "exp").ok().flatten().ok_or(Reason::WptMalformed)?;
        let now = now.unix_millis();
        let latest = now.saturating_add(self.max_seconds.saturating_mul(1000));
        if exp <= now || exp > latest {
            return Err(Reason::WptStale);
        }
        Ok(Timestamp::from_unix_millis(exp))
    }
}

/// WPT-3: every token that is there is covered, and nothing is covered that is not there or that we
/// don't know.
fn check_covered(claims: &Object, request: &Request<'_>) -> Result<(), Reason> {
    let expected =
        [("wth", Some(request.identity)), ("ath", request.access), ("tth", request.transaction)];
    let holds = |(name, token): (&str, Option<&str>)| match (claims.get(name), token) {
        (None, None) => true,
        (Some(hash), Some(token)) => hash.as_str() == Some(digest(token).as_str()),
        _ => false,
    };
    // `oth` names other tokens by header; none is understood here.
    match expected.into_iter().all(holds) && claims.get("oth").is_none() {
        true => Ok(()),
        false => Err(Reason::WptTokenMismatch),
    }
}
