//! HTTP calls out of the plugin. gRPC is linked, because the SDK imports it, and refused.

use wasmtime::{Caller, Linker};

use super::super::abi::Status;
use super::super::callouts::Callout;
use super::super::headers::{HeaderMap, Pair, decode_pairs};
use super::super::options::CalloutOwner;
use super::super::state::{Answer, Guest, HostState, answer};

type Host<'a> = Caller<'a, HostState>;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_http_call", http_call)?;
    linker.func_wrap("env", "proxy_get_status", get_status)?;
    linker.func_wrap("env", "proxy_grpc_call", grpc_call)?;
    linker.func_wrap("env", "proxy_grpc_stream", grpc_stream)?;
    linker.func_wrap("env", "proxy_grpc_send", |_: i32, _: i32, _: i32, _: i32| UNIMPLEMENTED)?;
    linker.func_wrap("env", "proxy_grpc_cancel", |_: i32| UNIMPLEMENTED)?;
    linker.func_wrap("env", "proxy_grpc_close", |_: i32| UNIMPLEMENTED)?;
    Ok(())
}

const UNIMPLEMENTED: i32 = Status::Unimplemented as i32;

#[allow(clippy::too_many_arguments, reason = "the ABI's parameter list")]
fn http_call(
    mut caller: Host<'_>,
    cluster: i32,
    cluster_size: i32,
    headers: i32,
    headers_size: i32,
    body: i32,
    body_size: i32,
    trailers: i32,
    trailers_size: i32,
    timeout_ms: i32,
    token: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let wanted = guest.read(cluster, cluster_size).and_then(|cluster| {
        let headers = decode_pairs(&guest.read(headers, headers_size)?);
        let body = guest.read(body, body_size)?;
        let trailers = decode_pairs(&guest.read(trailers, trailers_size)?);
        // Before the call goes out: a token that cannot be stored must not start one.
        guest.write_u32(token, 0)?;
        Ok(Wanted {
            cluster: String::from_utf8_lossy(&cluster).into_owned(),
            headers,
            body,
            trailers,
            timeout_ms,
        })
    });
    answer(wanted.and_then(|wanted| {
        let number = guest.state().dispatch(wanted)?;
        guest.write_u32(token, number)
    }))
}

struct Wanted {
    cluster: String,
    headers: Vec<Pair>,
    body: Vec<u8>,
    trailers: Vec<Pair>,
    timeout_ms: i32,
}

impl HostState {
    fn dispatch(&mut self, wanted: Wanted) -> Result<u32, Status> {
        let headers = HeaderMap::new(wanted.headers);
        let complete = [&b":method"[..], b":path", b":authority"]
            .iter()
            .all(|name| headers.first(name).is_some());
        let timeout_ms = u32::try_from(wanted.timeout_ms).map_err(|_| Status::BadArgument)?;
        if !complete || !self.options.clusters.contains(&wanted.cluster) {
            return Err(Status::BadArgument);
        }
        // Envoy numbers all kinds of calls in steps of four, to tell their kind by the remainder.
        self.last_token += 4;
        let (worker, context, token) = (self.worker, self.acting(), self.last_token);
        let owner = match self.options.callout_owner {
            CalloutOwner::Caller => context,
            CalloutOwner::Root => self.acting_root(),
        };
        let Wanted { cluster, body, trailers, .. } = wanted;
        self.surroundings.dispatch(|id| Callout {
            id,
            worker,
            context,
            owner,
            token,
            cluster,
            headers,
            body,
            trailers,
            timeout_ms,
        });
        Ok(token)
    }
}

/// Meaningful only for gRPC: no call ever left a status here.
fn get_status(mut caller: Host<'_>, code: i32, message: i32, message_size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    if let Err(status) = guest.write_u32(code, 0) {
        return answer(Err(status));
    }
    answer(guest.hand_over(&[], message, message_size)?)
}

#[allow(clippy::too_many_arguments, reason = "the ABI's parameter list")]
fn grpc_call(
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
    _: i32,
) -> i32 {
    UNIMPLEMENTED
}

#[allow(clippy::too_many_arguments, reason = "the ABI's parameter list")]
fn grpc_stream(_: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32) -> i32 {
    UNIMPLEMENTED
}
