//! The host's functions, safe: bytes in, bytes out, and every status a value.
//!
//! Not here: any use of them. A call may make the host call back into the module, so callers hold
//! no borrow of shared state across one.
#![allow(unsafe_code, reason = "the one place that calls the host's functions")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::imports;
use super::pairs::{self, Pairs};
use super::{Buffer, Level, Map, Status};

/// Writes one line to the host's log. There is nobody to tell if that fails.
pub(crate) fn log(level: Level, line: &str) {
    // SAFETY: pointer and size describe `line`, which outlives the call.
    let _ = unsafe { imports::proxy_log(level as u32, line.as_ptr(), line.len()) };
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn time() -> Result<u64, Status> {
    let mut nanos = 0;
    // SAFETY: the host writes one u64 to a local.
    Status(unsafe { imports::proxy_get_current_time_nanoseconds(&raw mut nanos) }).ok()?;
    Ok(nanos)
}

/// Bytes nobody can foresee.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Status> {
    let mut bytes = [0; N];
    // SAFETY: the host writes N bytes to an array of N.
    let errno = unsafe { imports::random_get(bytes.as_mut_ptr(), N) };
    if errno == 0 { Ok(bytes) } else { Err(Status::INTERNAL_FAILURE) }
}

/// Asks for a tick of the current root context every so often.
pub(crate) fn tick_every(period_ms: u32) -> Result<(), Status> {
    // SAFETY: no memory is passed.
    Status(unsafe { imports::proxy_set_tick_period_milliseconds(period_ms) }).ok()
}

/// Makes `context` the one that the following calls are about, until this callback ends. Fails if
/// the host no longer knows it.
pub(crate) fn speak_for(context: u32) -> Result<(), Status> {
    // SAFETY: no memory is passed.
    Status(unsafe { imports::proxy_set_effective_context(context) }).ok()
}

/// Reads a property; the segments of its path are joined by NUL.
pub(crate) fn property(path: &str) -> Result<Vec<u8>, Status> {
    // SAFETY: pointer and size describe `path`; the rest is `returned`'s.
    returned(|to, size| unsafe { imports::proxy_get_property(path.as_ptr(), path.len(), to, size) })
}

/// Writes a property of one path segment: filter state, in Envoy.
pub(crate) fn set_property(path: &str, value: &[u8]) -> Result<(), Status> {
    // SAFETY: pointers and sizes describe `path` and `value`, which outlive the call.
    let status = unsafe {
        imports::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len())
    };
    Status(status).ok()
}

/// All pairs of a header map, duplicates kept.
pub(crate) fn pairs(map: Map) -> Result<Pairs, Status> {
    // SAFETY: `returned`'s.
    let bytes =
        returned(|to, size| unsafe { imports::proxy_get_header_map_pairs(map as u32, to, size) })?;
    pairs::decode(&bytes).ok_or(Status::PARSE_FAILURE)
}

/// One value of a header map; the first, or all joined, as the host likes.
pub(crate) fn value(map: Map, name: &str) -> Result<Vec<u8>, Status> {
    // SAFETY: pointer and size describe `name`; the rest is `returned`'s.
    returned(|to, size| unsafe {
        imports::proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), to, size)
    })
}

/// Sets the one value of a name.
pub(crate) fn replace(map: Map, name: &[u8], value: &[u8]) -> Result<(), Status> {
    // SAFETY: pointers and sizes describe `name` and `value`, which outlive the call.
    let status = unsafe {
        imports::proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    Status(status).ok()
}

/// Removes every value of a name. That there was none is success.
pub(crate) fn remove(map: Map, name: &[u8]) -> Result<(), Status> {
    // SAFETY: pointer and size describe `name`, which outlives the call.
    let status =
        unsafe { imports::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    match Status(status) {
        Status::NOT_FOUND => Ok(()),
        status => status.ok(),
    }
}

/// At most `max` bytes from the start of a buffer.
pub(crate) fn read(buffer: Buffer, max: usize) -> Result<Vec<u8>, Status> {
    MOST.store(max.clamp(MOST_UNASKED, MOST_OF_ALL), Ordering::Relaxed);
    // SAFETY: `returned`'s.
    let read = returned(|to, size| unsafe {
        imports::proxy_get_buffer_bytes(buffer as u32, 0, max, to, size)
    });
    MOST.store(MOST_UNASKED, Ordering::Relaxed);
    read
}

/// How much a host may return of what is asked for now.
pub(super) fn most_returned() -> usize {
    MOST.load(Ordering::Relaxed)
}

static MOST: AtomicUsize = AtomicUsize::new(MOST_UNASKED);
/// Headers, a property, a value of the shared store that somebody else may have written.
const MOST_UNASKED: usize = 16 << 20;
/// A bundle, the longest thing that is asked for (the engine's `bundle::MAX_BYTES`).
const MOST_OF_ALL: usize = 192 << 20;

/// Puts `bytes` in place of the `size` bytes a buffer holds, which must be all of them.
pub(crate) fn rewrite(buffer: Buffer, size: usize, bytes: &[u8]) -> Result<(), Status> {
    // SAFETY: pointer and size describe `bytes`, which outlive the call.
    let status = unsafe {
        imports::proxy_set_buffer_bytes(buffer as u32, 0, size, bytes.as_ptr(), bytes.len())
    };
    Status(status).ok()
}

/// Lets the request go on, of which a callback kept the host waiting.
pub(crate) fn continue_request() -> Result<(), Status> {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: no memory is passed.
    Status(unsafe { imports::proxy_continue_stream(HTTP_REQUEST) }).ok()
}

/// Answers in place of the upstream. Must not be called once a stream is done: Envoy 1.36 to 1.40
/// crash on a response from `proxy_on_log` or `proxy_on_done`.
pub(crate) fn respond(
    status: u16,
    details: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Result<(), Status> {
    const NOT_GRPC: i32 = -1;
    let headers = pairs::encode(headers).ok_or(Status::INTERNAL_FAILURE)?;
    // SAFETY: pointers and sizes describe `details`, `body` and `headers`, which outlive the call.
    let status = unsafe {
        imports::proxy_send_local_response(
            status.into(),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NOT_GRPC,
        )
    };
    Status(status).ok()
}

/// Starts a call to a cluster the host knows; its token comes back with the reply.
pub(crate) fn call(
    cluster: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
    timeout_ms: u32,
) -> Result<u32, Status> {
    let headers = pairs::encode(headers).ok_or(Status::INTERNAL_FAILURE)?;
    let trailers = pairs::encode(&[]).ok_or(Status::INTERNAL_FAILURE)?;
    let mut token = 0;
    // SAFETY: pointers and sizes describe `cluster`, `headers`, `body` and `trailers`, which outlive
    // the call; the host writes one u32 to a local.
    let status = unsafe {
        imports::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout_ms,
            &raw mut token,
        )
    };
    Status(status).ok()?;
    Ok(token)
}

/// A value that all VMs of this `vm_id` share, and its CAS number.
pub(crate) fn shared(name: &str) -> Result<(Vec<u8>, u32), Status> {
    let mut cas = 0;
    // SAFETY: pointer and size describe `name`; the host writes one u32 to a local; the rest is
    // `returned`'s.
    let value = returned(|to, size| unsafe {
        imports::proxy_get_shared_data(name.as_ptr(), name.len(), to, size, &raw mut cas)
    })?;
    Ok((value, cas))
}

/// Writes a shared value if its CAS number is still that one. A number of zero would overwrite
/// whatever is there; a name without a value takes any number.
pub(crate) fn set_shared(name: &str, value: &[u8], cas: u32) -> Result<(), Status> {
    // SAFETY: pointers and sizes describe `name` and `value`, which outlive the call.
    let status = unsafe {
        imports::proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), cas)
    };
    Status(status).ok()
}

/// Calls a function that this host has and others may not.
pub(crate) fn call_function(name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
    // SAFETY: pointers and sizes describe `name` and `argument`, which outlive the call; the rest is
    // `returned`'s.
    returned(|to, size| unsafe {
        imports::proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            to,
            size,
        )
    })
}

/// What a metric is.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Metric {
    Counter = 0,
    Gauge = 1,
}

/// Makes a metric, or finds the one of that name.
pub(crate) fn metric(kind: Metric, name: &str) -> Result<u32, Status> {
    let mut metric = 0;
    // SAFETY: pointer and size describe `name`; the host writes one u32 to a local.
    let status = unsafe {
        imports::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut metric)
    };
    Status(status).ok()?;
    Ok(metric)
}

/// Sets a gauge. As with a count, a lost one is nobody's outage.
pub(crate) fn gauge(metric: u32, value: u64) {
    // SAFETY: no memory is passed.
    let _ = unsafe { imports::proxy_record_metric(metric, value) };
}

/// Adds one to a counter. A lost count is nobody's outage.
pub(crate) fn count(metric: u32) {
    // SAFETY: no memory is passed.
    let _ = unsafe { imports::proxy_increment_metric(metric, 1) };
}

/// Makes a call that returns bytes, and takes them over.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let mut bytes = ptr::null_mut();
    let mut size = 0;
    Status(call(&raw mut bytes, &raw mut size)).ok()?;
    if bytes.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the ABI has the host allocate what it returns with `proxy_on_memory_allocate`, in
    // the exact size it then reports, fill it, and leave it to us. Our allocation has alignment 1,
    // as a `Vec<u8>` has.
    Ok(unsafe { Vec::from_raw_parts(bytes, size, size) })
}
