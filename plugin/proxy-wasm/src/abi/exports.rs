//! The functions a host calls: each hands its arguments to `plugin` and returns what the ABI wants.
//!
//! Only the callbacks of an HTTP filter are here; a host skips those a module does not export.
#![allow(unsafe_code, reason = "the ABI's names must be exported as they are")]

use std::alloc::{Layout, alloc};
use std::ptr;

use super::Action;
use crate::plugin;

unsafe extern "C" {
    /// The linker's: runs what libraries want run before anything else.
    fn __wasm_call_ctors();
}

/// Called once, first. Without this name the linker would take the module for a command, and wrap
/// every export in a start and an exit.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls `_initialize` once, before any other export.
    unsafe { __wasm_call_ctors() };
}

/// Tells the host which ABI this is, by its name.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Room for bytes the host is about to return. Null, which hosts report as a failed call, rather
/// than an abort, if there is none.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the layout's size is not zero.
        Ok(layout) if (1..=super::host::most_returned()).contains(&size) => unsafe {
            alloc(layout)
        },
        _ => ptr::null_mut(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    plugin::context_create(context, root);
}

/// The VM has no configuration of its own.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_root: u32, _configuration_size: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    plugin::configure(root, size).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    plugin::tick(root);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(stream: u32, _count: usize, end: u32) -> Action {
    plugin::request_headers(stream, end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(stream: u32, size: usize, end: u32) -> Action {
    plugin::request_body(stream, size, end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(stream: u32, _count: usize) -> Action {
    plugin::request_trailers(stream)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(stream: u32, _count: usize, end: u32) -> Action {
    plugin::response_headers(stream, end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(stream: u32, size: usize, end: u32) -> Action {
    plugin::response_body(stream, size, end != 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(stream: u32, _count: usize) -> Action {
    plugin::response_trailers(stream)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    headers: usize,
    size: usize,
    _trailers: usize,
) {
    plugin::call_response(root, token, headers, size);
}

/// We have nothing left to do for a context the host is done with.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(_context: u32) -> u32 {
    1
}

/// A receipt for a request that ended undecided, in time for the access log; all others have
/// theirs. A response sent from here would crash Envoy.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(context: u32) {
    plugin::log(context);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    plugin::delete(context);
}
