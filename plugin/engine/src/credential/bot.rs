//! Web Bot Auth: a bot that signs its requests with a key of a directory (Web Bot Auth over RFC 9421).
//!
//! It says who sent a request, not that they may (BOT-5), so the best that comes of it is a refusal whose
//! receipt says whom. Directories are part of the configuration: a `Signature-Agent` that is not in it
//! is a claim, and nothing is fetched for it (BOT-2, BOT-4). Not here: the signature base (`signature`).

use super::presented::Presented;
use super::signature::{self, Signature};
use super::{Asking, Kind, Known, Place, Rejected, Unverified, thumbprint};
use crate::decision::Reason;
use crate::evidence::Once;
use crate::model::CallerClass;
use crate::trust::{Algorithm, Key, KeySet};

/// Looked at only where nothing else says who the caller is.
pub(super) const KIND: Kind = Kind {
    name: "web-bot-auth",
    place: Place::Signature,
    from: "`bot_directories`",
    proves: "that the request is of a bot of that directory: class `declared_bot`, always refused",
    bound: "the signature covers the authority, so it can be sent again within its time",
    rules: "SIG-1, SIG-2, BOT-1…6: `tag` `web-bot-auth`, `@authority` and `signature-agent` covered, 24 h at most",
    verify: None,
};

/// The keys of one directory.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) keys: KeySet,
}

/// Why a request with nothing but a signature is refused; and, if that is known, whose it is.
pub(super) fn refused(presented: &Presented<'_>, asking: &Asking<'_>) -> Unverified {
    match bot(presented, asking) {
        Ok(Some(known)) => {
            let known = Some(known);
            Unverified::Rejected(Rejected { reason: Reason::DeclaredBot, known })
        }
        // A signature for another purpose.
        Ok(None) => presented.nothing().into(),
        Err(reason) => reason.into(),
    }
}

fn bot(presented: &Presented<'_>, asking: &Asking<'_>) -> Result<Option<Known>, Reason> {
    let signatures = signature::read(presented.head)?;
    let mut ours = signatures.iter().filter(|s| s.text("tag").as_deref() == Some("web-bot-auth"));
    let signature = match (ours.next(), ours.next()) {
        (None, _) => return Ok(None),
        (Some(signature), None) => signature,
        (Some(_), Some(_)) => return Err(Reason::AmbiguousCredential),
    };
    in_time(signature, asking.now.unix_seconds())?;
    let unproven = Reason::BotUnproven;
    if !(signature.covers("@authority") || signature.covers("@target-uri")) {
        return Err(unproven);
    }
    let agent = agent(presented, signature)?;
    let directory = asking.rules.bots.get(&agent).ok_or(unproven)?;
    // BOT-3: the pair of directory and key; a key alone would belong to whoever is named.
    let key_id = signature.text("keyid").ok_or(unproven)?;
    let key = directory.keys.of_thumbprint(&key_id).ok_or(unproven)?;
    if signature.text("alg").is_some_and(|alg| alg != algorithm_name(key)) {
        return Err(unproven);
    }
    let base = signature.base(presented.head, presented.line).ok_or(unproven)?;
    if !asking.trust.holds(key, base.as_bytes(), &signature.bytes) {
        return Err(unproven);
    }
    Ok(Some(Known {
        kind: KIND.name,
        class: CallerClass::DeclaredBot,
        subject: None,
        issuer: agent,
        thumbprint: thumbprint(&signature.bytes),
    }))
}

/// BOT-1: both instants, a day at most between them, and now within.
fn in_time(signature: &Signature, now: u64) -> Result<(), Reason> {
    let instant = |name| signature.seconds(name).ok_or(Reason::BotUnproven);
    let (created, expires) = (instant("created")?, instant("expires")?);
    let lifetime = expires.checked_sub(created);
    let begun = created <= now.saturating_add(LEEWAY_SECONDS);
    let good = lifetime.is_some_and(|life| life <= MAX_LIFETIME_SECONDS) && begun && now < expires;
    if good { Ok(()) } else { Err(Reason::BotUnproven) }
}

/// What the signed `Signature-Agent` names: the member of the dictionary that is covered by its key or,
/// as in earlier drafts, the one text.
fn agent(presented: &Presented<'_>, signature: &Signature) -> Result<String, Reason> {
    let unproven = Reason::BotUnproven;
    let Once::One(value) = presented.head.once("signature-agent") else { return Err(unproven) };
    let agent = match signature.key_of("signature-agent") {
        Some(Some(key)) => signature::member(value, &key),
        Some(None) => signature::only_text(value),
        None => None,
    };
    agent.ok_or(unproven)
}

/// RFC 9421 §6.2.2.
fn algorithm_name(key: &Key) -> &'static str {
    match key.algorithm() {
        Algorithm::Ed25519 => "ed25519",
        Algorithm::Es256 => "ecdsa-p256-sha256",
        Algorithm::Rs256 => "rsa-v1_5-sha256",
        // PS256 has another hash than `rsa-pss-sha512`; the registry has no name for it.
        Algorithm::Ps256 => "",
    }
}

const LEEWAY_SECONDS: u64 = 60;
const MAX_LIFETIME_SECONDS: u64 = 24 * 3600;
