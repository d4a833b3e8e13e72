//! Looking into a bundle: as a gateway does, or without believing anything.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_engine::PublishedBundle;
use deputy_engine::model::Timestamp;
use serde_json::Value;

use super::build::summary;
use crate::{files, time};

pub(super) fn run(bundle: &Path, keys: &Path, at: Timestamp) -> anyhow::Result<()> {
    let text = files::read(bundle)?;
    let keys = files::read(keys)?;
    let opened = PublishedBundle::open(text.trim_end().as_bytes(), keys.as_bytes());
    let opened = opened.map_err(|e| anyhow::anyhow!("{}: {e}", bundle.display()))?;
    if at >= opened.expires() {
        bail!("{} expired at {}", bundle.display(), time::text(opened.expires()));
    }
    println!("{} is good", bundle.display());
    print(&opened);
    for warning in opened.warnings() {
        println!("  warning:  {warning}");
    }
    Ok(())
}

pub(super) fn inspect(bundle: &Path, json: bool) -> anyhow::Result<()> {
    let text = files::read(bundle)?;
    let mut parts = text.trim_end().split('.');
    let mut part = || -> anyhow::Result<Value> {
        let wrong = || format!("{} is not a compact JWS with JSON in it", bundle.display());
        let bytes = parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        serde_json::from_slice(&bytes.with_context(wrong)?).with_context(wrong)
    };
    let (header, contents) = (part()?, part()?);
    if json {
        println!("{}", serde_json::to_string_pretty(&contents)?);
        return Ok(());
    }
    println!("{}: signature NOT checked (deputy bundle verify does)", bundle.display());
    println!("  key:      {} {}", told(&header["alg"]), told(&header["kid"]));
    println!("  revision: {}", told(&contents["revision"]));
    println!("  issued:   {}", told(&contents["issued_at"]));
    println!("  expires:  {}", told(&contents["expires"]));
    println!("  contents: {}", summary(&contents));
    Ok(())
}

/// What a gateway would have of it.
pub(super) fn print(bundle: &PublishedBundle) {
    println!("  revision: {}", bundle.revision());
    println!("  issued:   {}", time::text(bundle.issued_at()));
    println!("  expires:  {}", time::text(bundle.expires()));
}

/// Text of somebody else's, fit for a terminal.
fn told(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string())
}
