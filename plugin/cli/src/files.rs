//! Reading and writing files, with their names in every error.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}

pub(crate) fn json(path: &Path) -> anyhow::Result<Value> {
    serde_json::from_str(&read(path)?).with_context(|| format!("{} is not JSON", path.display()))
}

/// Writes a whole file or none: first beside it, then in its place.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    put(path, text, false)
}

/// The same for a secret: a new file that its owner alone may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    put(path, text, true)
}

fn put(path: &Path, text: &str, secret: bool) -> anyhow::Result<()> {
    let failed = || format!("{} can't be written", path.display());
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(&beside).with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::rename(&beside, path).with_context(failed)
}
