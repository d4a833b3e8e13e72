//! Looking into a bundle: as a gateway does, or without believing anything.

use std::path::Path;

use deputy_engine::PublishedBundle;
use deputy_engine::model::Timestamp;

use super::build::summary;
use crate::{document, files};

pub(super) fn run(bundle: &Path, keys: &Path, at: Timestamp) -> anyhow::Result<()> {
    let text = files::read(bundle)?;
    let keys = files::read(keys)?;
    let opened = PublishedBundle::open(text.trim_end().as_bytes(), keys.as_bytes());
    let opened = opened.map_err(|e| anyhow::anyhow!("{}: {e}", bundle.display()))?;
    document::not_over(bundle, opened.expires(), at)?;
    println!("{} is good", bundle.display());
    print(&opened);
    for warning in opened.warnings() {
        println!("  warning:  {warning}");
    }
    Ok(())
}

pub(super) fn inspect(bundle: &Path, json: bool) -> anyhow::Result<()> {
    document::inspect(bundle, "bundle", json, summary)
}

/// What a gateway would have of it.
pub(super) fn print(bundle: &PublishedBundle) {
    document::print(bundle.revision(), bundle.issued_at(), bundle.expires());
}
