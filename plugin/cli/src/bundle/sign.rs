//! Contents into a signed bundle, checked as a gateway will check it before it is written.

use std::path::Path;

use anyhow::{Context as _, bail};
use deputy_engine::model::Timestamp;
use deputy_engine::{PublishedBundle, check_bundle};

use super::verify;
use crate::keys::Key;
use crate::{files, time};

pub(super) fn run(
    contents: &Path,
    key: &Path,
    (revision, (issued_at, expires)): (u64, (Timestamp, Timestamp)),
    after: Option<&Path>,
    out: &Path,
) -> anyhow::Result<()> {
    let mut document = files::json(contents)?;
    let members = document.as_object_mut().context("the contents of a bundle are an object")?;
    let text = serde_json::to_vec(&members)?;
    if let Err(problems) = check_bundle(&text) {
        for problem in problems.iter() {
            eprintln!("error: {problem}");
        }
        bail!(
            "{} is not what `deputy bundle build` writes; nothing was signed",
            contents.display()
        );
    }
    members.insert("version".to_owned(), 1.into());
    members.insert("revision".to_owned(), revision.into());
    members.insert("issued_at".to_owned(), time::text(issued_at).into());
    members.insert("expires".to_owned(), time::text(expires).into());
    let key = Key::read(key)?;
    let bundle = key.sign(TYP, &serde_json::to_vec(&document)?)?;
    let keys = serde_json::to_vec(&key.public_set())?;
    let made =
        PublishedBundle::open(bundle.as_bytes(), &keys).map_err(|e| anyhow::anyhow!("{e}"))?;
    if let Some(path) = after {
        let before = files::read(path)?;
        let before = PublishedBundle::open(before.trim_end().as_bytes(), &keys);
        let before = before.map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
        made.follows(&before).map_err(|why| {
            anyhow::anyhow!(
                "gateways that have {} would refuse it: {why}; nothing was signed",
                path.display()
            )
        })?;
    }
    files::write(out, &format!("{bundle}\n"))?;
    println!("signed {} with key {}", out.display(), key.id);
    verify::print(&made);
    Ok(())
}

/// The type of a bundle.
const TYP: &str = "deputy-bundle+jwt";
