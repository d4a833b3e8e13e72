//! A list of revocations into a signed one, checked as a gateway will check it before it is written.

use std::path::Path;

use anyhow::bail;
use deputy_engine::PublishedRevocations;
use serde_json::{Value, json};

use super::{Sign, list};
use crate::keys::Key;
use crate::{document, files, time};

pub(super) fn run(sign: &Sign) -> anyhow::Result<()> {
    let key = Key::read(&sign.key)?;
    let keys = serde_json::to_vec(&key.public_set())?;
    let before = sign.after.as_deref().map(|path| before(path, &keys)).transpose()?;
    let base = match (&sign.list, &before) {
        (Some(path), _) => list::read(path)?,
        (None, Some(before)) => before.list.as_object().cloned().unwrap_or_default(),
        (None, None) => serde_json::Map::new(),
    };
    let revoked = list::join([base, sign.named.list()])?;
    let revision = revision(sign, before.as_ref())?;
    let issued_at = sign.issued_at.unwrap_or_else(time::now);
    let document = json!({
        "version": 1,
        "revision": revision,
        "issued_at": time::text(issued_at),
        "expires": time::text(time::later(issued_at, sign.valid_for)?),
        "revocations": revoked,
    });
    let signed = key.sign(TYP, &serde_json::to_vec(&document)?)?;
    if signed.len() > PublishedRevocations::MAX_BYTES {
        bail!(
            "the list is {} bytes when signed, and gateways take {}; put what is old into \
             `revocations` of the bundle and sign a list without it; nothing was signed",
            signed.len(),
            PublishedRevocations::MAX_BYTES
        );
    }
    let made = PublishedRevocations::open(signed.as_bytes(), &keys)
        .map_err(|e| anyhow::anyhow!("{e}; nothing was signed"))?;
    files::write(&sign.out, &format!("{signed}\n"))?;
    println!("signed {} with key {}", sign.out.display(), key.id);
    document::print(made.revision(), made.issued_at(), made.expires());
    println!("  contents: {}", list::summary(&revoked));
    for gone in before.iter().flat_map(|before| list::dropped(&before.list, &revoked)) {
        println!("  no longer revoked: {gone}");
    }
    Ok(())
}

/// The list before, and its number.
struct Before {
    revision: u64,
    list: Value,
}

/// It has to be good: its contents are signed once more. That it is over is no reason against it.
fn before(path: &Path, keys: &[u8]) -> anyhow::Result<Before> {
    let text = files::read(path)?;
    let opened = PublishedRevocations::open(text.trim_end().as_bytes(), keys);
    let opened = opened.map_err(|e| {
        anyhow::anyhow!(
            "{}: {e}; sign from a list of your own and with --revision instead of --after, if the \
             key is a new one; nothing was signed",
            path.display()
        )
    })?;
    // Of the text that was verified: the file may be another by now.
    let (_, contents) = document::parts_of(path, &text)?;
    Ok(Before { revision: opened.revision(), list: contents["revocations"].clone() })
}

fn revision(sign: &Sign, before: Option<&Before>) -> anyhow::Result<u64> {
    match (sign.revision, before) {
        (Some(revision), Some(before)) if revision <= before.revision => bail!(
            "gateways that have revision {} would refuse revision {revision}: it must be higher; \
             nothing was signed",
            before.revision
        ),
        (Some(revision), _) => Ok(revision),
        (None, Some(before)) => Ok(before.revision.saturating_add(1)),
        (None, None) => bail!("give --revision, or the list before with --after"),
    }
}

/// The type of a list of revocations.
const TYP: &str = "deputy-revocations+jwt";
