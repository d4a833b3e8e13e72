//! What is alike in everything that is signed: a compact JWS with JSON in it, a number and a term.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_engine::model::Timestamp;
use serde_json::Value;

use crate::{files, time};

/// Header and contents, believed by nobody: the signature is not checked.
pub(crate) fn parts(path: &Path) -> anyhow::Result<(Value, Value)> {
    parts_of(path, &files::read(path)?)
}

/// The same of a text that has been read from there.
pub(crate) fn parts_of(path: &Path, text: &str) -> anyhow::Result<(Value, Value)> {
    let mut parts = text.trim_end().split('.');
    let mut part = || -> anyhow::Result<Value> {
        let wrong = || format!("{} is not a compact JWS with JSON in it", path.display());
        let bytes = parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        serde_json::from_slice(&bytes.with_context(wrong)?).with_context(wrong)
    };
    Ok((part()?, part()?))
}

/// Shows what nobody has checked. `noun`: as the command calls it.
pub(crate) fn inspect(
    path: &Path,
    noun: &str,
    json: bool,
    summary: impl FnOnce(&Value) -> String,
) -> anyhow::Result<()> {
    let (header, contents) = parts(path)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&contents)?);
        return Ok(());
    }
    println!("{}: signature NOT checked (deputy {noun} verify does)", path.display());
    println!("  key:      {} {}", told(&header["alg"]), told(&header["kid"]));
    println!("  revision: {}", told(&contents["revision"]));
    println!("  issued:   {}", told(&contents["issued_at"]));
    println!("  expires:  {}", told(&contents["expires"]));
    println!("  contents: {}", summary(&contents));
    Ok(())
}

/// What a gateway would have of it.
pub(crate) fn print(revision: u64, issued_at: Timestamp, expires: Timestamp) {
    println!("  revision: {revision}");
    println!("  issued:   {}", time::text(issued_at));
    println!("  expires:  {}", time::text(expires));
}

pub(crate) fn not_over(path: &Path, expires: Timestamp, at: Timestamp) -> anyhow::Result<()> {
    if at >= expires {
        bail!("{} expired at {}", path.display(), time::text(expires));
    }
    Ok(())
}

/// Text of somebody else's, fit for a terminal.
pub(crate) fn told(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string())
}
