//! Where things are.

use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target folder, wherever the caller put it.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// What xtask makes: the module, the web package, Envoy, the demo's files.
pub(crate) fn out() -> PathBuf {
    target().join("deputy")
}

/// The module for proxy-wasm hosts.
pub(crate) fn module() -> PathBuf {
    out().join("deputy.wasm")
}

/// The module for JavaScript hosts, one folder per kind of host.
pub(crate) fn web() -> PathBuf {
    out().join("web")
}

/// A program of the workspace.
pub(crate) fn program(name: &str) -> PathBuf {
    target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The example.
pub(crate) fn example() -> PathBuf {
    root().join("examples").join("envoy-mcp")
}

/// The approval service's example.
pub(crate) fn approvals() -> PathBuf {
    root().join("examples").join("approvals")
}

/// A path as a person would type it from where they are.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
