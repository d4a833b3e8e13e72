//! The host functions, by subject: decoding of arguments here, behaviour in the states they act on.

mod callouts;
mod general;
mod maps;
mod services;
mod wasi;

use wasmtime::Linker;

use super::state::HostState;

/// Defines every import of the ABI, and of WASI as far as a reactor without files needs it.
pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    general::link(linker)?;
    maps::link(linker)?;
    callouts::link(linker)?;
    services::link(linker)?;
    wasi::link(linker, "wasi_snapshot_preview1")?;
    wasi::link(linker, "wasi_unstable")
}
