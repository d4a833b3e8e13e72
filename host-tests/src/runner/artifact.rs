//! Where the built modules are: the tests that need one say so and fail without it.

use std::path::PathBuf;

/// The path in an environment variable.
///
/// # Panics
/// When it is not set: a host that was never run must not look like one that passed.
pub(super) fn path(variable: &str, what: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => panic!(
            "{variable} does not say where {what} is; run `cargo xtask test`, which builds it"
        ),
    }
}
