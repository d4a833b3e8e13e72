//! Log, properties, time, contexts, local replies, continuing and closing streams.

use wasmtime::{Caller, Linker};

use super::super::abi::{LogLevel, Status};
use super::super::headers::decode_pairs;
use super::super::observed::{LocalReply, Sender};
use super::super::state::{Answer, Deferred, Guest, HostState, answer};
use super::super::stream::Direction;

type Host<'a> = Caller<'a, HostState>;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_log", log)?;
    linker.func_wrap("env", "proxy_get_log_level", log_level)?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", current_time)?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", set_tick_period)?;
    linker.func_wrap("env", "proxy_get_property", get_property)?;
    linker.func_wrap("env", "proxy_set_property", set_property)?;
    linker.func_wrap("env", "proxy_set_effective_context", set_effective_context)?;
    linker.func_wrap("env", "proxy_done", done)?;
    linker.func_wrap("env", "proxy_continue_stream", continue_stream)?;
    linker.func_wrap("env", "proxy_close_stream", close_stream)?;
    linker.func_wrap("env", "proxy_send_local_response", send_local_response)?;
    linker.func_wrap("env", "proxy_call_foreign_function", call_foreign_function)?;
    Ok(())
}

fn log(mut caller: Host<'_>, level: i32, text: i32, size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    answer(guest.read(text, size).and_then(|text| {
        let level = LogLevel::from_abi(level).ok_or(Status::BadArgument)?;
        guest.state().log(level, &text);
        Ok(())
    }))
}

fn log_level(mut caller: Host<'_>, result: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let level = guest.state().options.log_level as u32;
    answer(guest.write_u32(result, level))
}

fn current_time(mut caller: Host<'_>, result: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    if !guest.state().surroundings.has_clock() {
        return answer(Err(Status::InternalFailure));
    }
    let now = guest.state().surroundings.now();
    answer(guest.write(result, &now.to_le_bytes()))
}

fn set_tick_period(mut caller: Host<'_>, milliseconds: i32) -> Answer {
    let state = caller.data_mut();
    let root = state.acting_root();
    state.roots.entry(root).or_default().tick_period_ms = milliseconds as u32;
    answer(Ok(()))
}

fn get_property(mut caller: Host<'_>, path: i32, size: i32, value: i32, value_size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let found = guest.read(path, size).and_then(|path| guest.state().get_property(&path));
    match found {
        Ok(bytes) => answer(guest.hand_over(&bytes, value, value_size)?),
        Err(status) => answer(Err(status)),
    }
}

fn set_property(
    mut caller: Host<'_>,
    path: i32,
    path_size: i32,
    value: i32,
    value_size: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let arguments =
        guest.read(path, path_size).and_then(|path| Ok((path, guest.read(value, value_size)?)));
    match arguments {
        Ok((path, value)) => Ok(guest.state().set_property(&path, &value) as i32),
        Err(status) => answer(Err(status)),
    }
}

fn set_effective_context(mut caller: Host<'_>, context: i32) -> Answer {
    let state = caller.data_mut();
    if !state.knows_context(context as u32) {
        return answer(Err(Status::BadArgument));
    }
    state.effective = Some(context as u32);
    answer(Ok(()))
}

fn done(mut caller: Host<'_>) -> Answer {
    let state = caller.data_mut();
    let acting = state.acting();
    if !state.roots.get(&acting).is_some_and(|root| root.done_pending) {
        return answer(Err(Status::NotFound));
    }
    state.deferred.push_back(Deferred::Delete(acting));
    answer(Ok(()))
}

fn continue_stream(mut caller: Host<'_>, kind: i32) -> Answer {
    let state = caller.data_mut();
    let direction = match kind {
        0 => Direction::Request,
        1 => Direction::Response,
        2 => return answer(Ok(())),
        3 => return answer(Err(Status::Unimplemented)),
        _ => return answer(Err(Status::BadArgument)),
    };
    let acting = state.acting();
    if let Some(stream) = state.acting_stream() {
        stream.hide_request();
        state.deferred.push_back(Deferred::Continue(acting, direction));
    }
    answer(Ok(()))
}

fn close_stream(mut caller: Host<'_>, kind: i32) -> Answer {
    let state = caller.data_mut();
    let acting = state.acting();
    if !(0..=3).contains(&kind) {
        return answer(Err(Status::BadArgument));
    }
    if kind < 2 && state.acting_stream().is_some() {
        state.deferred.push_back(Deferred::Close(acting));
    }
    answer(Ok(()))
}

#[allow(clippy::too_many_arguments, reason = "the ABI's parameter list")]
fn send_local_response(
    mut caller: Host<'_>,
    status: i32,
    details: i32,
    details_size: i32,
    body: i32,
    body_size: i32,
    headers: i32,
    headers_size: i32,
    grpc_status: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let parts = guest.read(details, details_size).and_then(|details| {
        Ok((details, guest.read(body, body_size)?, guest.read(headers, headers_size)?))
    });
    let (details, body, headers) = match parts {
        Ok(parts) => parts,
        Err(status) => return answer(Err(status)),
    };
    let reply = LocalReply {
        status: status as u16,
        headers: decode_pairs(&headers),
        body,
        details: String::from_utf8_lossy(&details).replace(' ', "_"),
        grpc_status: u32::try_from(grpc_status).ok(),
        by: Sender::Plugin,
    };
    reply_later(guest.state(), reply)
}

fn reply_later(state: &mut HostState, reply: LocalReply) -> Answer {
    let acting = state.acting();
    let closing = match state.acting_stream() {
        Some(stream) => stream.closing || stream.log_phase,
        None => return answer(Ok(())),
    };
    if closing {
        state.surroundings.crash(CLOSING_REPLY);
        wasmtime::bail!("{CLOSING_REPLY}");
    }
    state.deferred.push_back(Deferred::Reply(acting, reply));
    state.iteration_stopped = true;
    answer(Ok(()))
}

/// Observed in 1.36.2, 1.37.0, 1.39.3 and 1.40.0.
const CLOSING_REPLY: &str =
    "proxy_send_local_response in on_log or on_done: Envoy would have crashed (SIGSEGV)";

fn call_foreign_function(
    mut caller: Host<'_>,
    name: i32,
    name_size: i32,
    argument: i32,
    argument_size: i32,
    result: i32,
    result_size: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let call = guest
        .read(name, name_size)
        .and_then(|name| Ok((name, guest.read(argument, argument_size)?)));
    let (name, argument) = match call {
        Ok(call) => call,
        Err(status) => return answer(Err(status)),
    };
    let name = String::from_utf8_lossy(&name).into_owned();
    let function = guest.state().options.foreign.get(&name).cloned();
    match function.map(|function| function(&argument)) {
        None => answer(Err(Status::NotFound)),
        Some(Err(status)) => answer(Err(status)),
        Some(Ok(_)) if result == 0 => answer(Ok(())),
        Some(Ok(bytes)) => answer(guest.hand_over(&bytes, result, result_size)?),
    }
}
