//! DPoP (RFC 9449): a proof, signed anew for each request, that its sender holds the key a token is
//! bound to.
//!
//! Not here: whether the proof was used before, which only the host's store knows; it is the
//! [`Once`] of what comes out. And nothing covers body or headers (DPOP-11): what is worth that is
//! bound by an approval's digest.

use super::nonce::Nonces;
use super::target::Targets;
use super::{MAX_JTI_BYTES, Proven, digest, text};
use crate::credential::claims::instant;
use crate::credential::jws::Jws;
use crate::decision::Reason;
use crate::model::Timestamp;
use crate::recall::Once;
use crate::trust::{Algorithms, Key, Trust};

/// What proofs are accepted.
#[derive(Clone, Debug)]
pub(crate) struct DpopRules {
    pub(crate) algorithms: Algorithms,
    /// How far `iat` may be from now, either way (DPOP-5).
    pub(crate) window_seconds: u64,
    /// Whether a proof must carry a nonce of ours (DPOP-6).
    pub(crate) nonces: Option<Nonces>,
}

/// What a proof has to be about.
pub(super) struct Request<'r> {
    pub(super) method: &'r str,
    pub(super) targets: &'r Targets,
    /// The access token that is presented with it.
    pub(super) token: &'r str,
    /// The thumbprint of the key that the token is bound to.
    pub(super) jkt: &'r str,
}

impl DpopRules {
    /// RFC 9449 §4.3, in an order in which what is cheap comes first.
    pub(super) fn verify(
        &self,
        proof: &str,
        request: &Request<'_>,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Proven, Reason> {
        let jws = Jws::parse(proof).map_err(|_| Reason::DpopMalformed)?;
        if !jws.is_of_type("dpop+jwt") {
            return Err(Reason::DpopMalformed);
        }
        let key = self.key(&jws)?;
        if key.thumbprint() != request.jkt {
            return Err(Reason::DpopKeyMismatch);
        }
        if !trust.holds(&key, jws.message, &jws.signature) {
            return Err(Reason::DpopSignatureInvalid);
        }
        let claims = Claims::read(&jws)?;
        let target = claims.target(request)?;
        if claims.ath != digest(request.token) {
            return Err(Reason::DpopTokenMismatch);
        }
        self.check_nonce(&jws, now)?;
        let until = self.check_time(claims.iat, now)?;
        // DPOP-8. The key is part of it, so nobody uses up another's `jti`.
        let parts = [request.jkt.as_bytes(), target.as_bytes(), claims.jti.as_bytes()];
        Ok(Proven {
            key_thumbprint: request.jkt.to_owned(),
            once: Once::new("dpop", &parts, until),
        })
    }

    /// The key that the proof brings: public, of an algorithm that is allowed, and of the one the
    /// header names (DPOP-2). The only place where a token's own key is looked at (JWT-8); it is
    /// worth something because the access token names it.
    fn key(&self, jws: &Jws<'_>) -> Result<Key, Reason> {
        let jwk = jws.embedded_key.as_ref().ok_or(Reason::DpopMalformed)?;
        let algorithm = self.algorithms.named(&jws.algorithm).ok_or(Reason::DpopMalformed)?;
        Key::of_sender(jwk, algorithm).ok_or(Reason::DpopMalformed)
    }

    fn check_nonce(&self, jws: &Jws<'_>, now: Timestamp) -> Result<(), Reason> {
        let Some(nonces) = &self.nonces else { return Ok(()) };
        let nonce = jws.claims.get("nonce").and_then(|nonce| nonce.as_str());
        match nonce.is_some_and(|nonce| nonces.accepts(nonce, now)) {
            true => Ok(()),
            false => Err(Reason::DpopNonceRequired),
        }
    }

    /// Until when the proof would be in its window.
    fn check_time(&self, iat: u64, now: Timestamp) -> Result<Timestamp, Reason> {
        let window = self.window_seconds.saturating_mul(1000);
        if iat.abs_diff(now.unix_millis()) > window {
            return Err(Reason::DpopStale);
        }
        // Beyond the last instant at which it is accepted.
        let until = iat.saturating_add(window).saturating_add(1);
        Ok(Timestamp::from_unix_millis(until))
    }
}

/// DPOP-3.
struct Claims<'j> {
    jti: &'j str,
    htm: &'j str,
    htu: &'j str,
    ath: &'j str,
    iat: u64,
}

impl<'j> Claims<'j> {
    fn read(jws: &'j Jws<'_>) -> Result<Self, Reason> {
        let claims = &jws.claims;
        let text = |name| text(claims, name).ok_or(Reason::DpopMalformed);
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > MAX_JTI_BYTES {
            return Err(Reason::DpopMalformed);
        }
        let iat = instant(claims, "iat").ok().flatten().ok_or(Reason::DpopMalformed)?;
        // A proof for the token endpoint has no `ath`; here it must be there.
        Ok(Self { jti, htm: text("htm")?, htu: text("htu")?, ath: text("ath")?, iat })
    }

    /// The method compared with its letters' case, the URI in its normal form (DPOP-3, DPOP-4).
    fn target<'r>(&self, request: &Request<'r>) -> Result<&'r str, Reason> {
        let target = request.targets.named_by(self.htu).filter(|_| self.htm == request.method);
        target.ok_or(Reason::DpopTargetMismatch)
    }
}
