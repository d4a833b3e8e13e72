//! The part of WASI preview 1 that a reactor without files touches. Everything about files answers
//! an error number.

use wasmtime::{Caller, Linker};

use super::super::abi::LogLevel;
use super::super::state::{Guest, HostState};

type Host<'a> = Caller<'a, HostState>;

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;
const INVAL: i32 = 28;
const NOENT: i32 = 44;
const NOSYS: i32 = 52;
const NOTSUP: i32 = 58;

/// proxy-wasm-cpp-host limits.h.
const RANDOM_MAX_BYTES: u32 = 65_536;

pub(super) fn link(linker: &mut Linker<HostState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "fd_write", fd_write)?;
    linker.func_wrap(module, "clock_time_get", clock_time_get)?;
    linker.func_wrap(module, "clock_res_get", clock_res_get)?;
    linker.func_wrap(module, "random_get", random_get)?;
    linker.func_wrap(module, "environ_get", environ_get)?;
    linker.func_wrap(module, "environ_sizes_get", environ_sizes_get)?;
    linker.func_wrap(module, "args_get", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(module, "args_sizes_get", args_sizes_get)?;
    linker.func_wrap(module, "proc_exit", proc_exit)?;
    linker.func_wrap(module, "sched_yield", || SUCCESS)?;
    linker.func_wrap(module, "fd_read", |_: i32, _: i32, _: i32, _: i32| NOSYS)?;
    linker.func_wrap(module, "fd_close", |_: i32| BADF)?;
    linker.func_wrap(module, "fd_seek", |_: i32, _: i64, _: i32, _: i32| BADF)?;
    linker.func_wrap(module, "fd_fdstat_get", fd_fdstat_get)?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |_: i32, _: i32| NOSYS)?;
    linker.func_wrap(module, "fd_filestat_get", |_: i32, _: i32| BADF)?;
    linker.func_wrap(module, "fd_prestat_get", |_: i32, _: i32| BADF)?;
    linker.func_wrap(module, "fd_prestat_dir_name", |_: i32, _: i32, _: i32| NOSYS)?;
    linker
        .func_wrap(module, "path_filestat_get", |_: i32, _: i32, _: i32, _: i32, _: i32| NOTSUP)?;
    linker.func_wrap(
        module,
        "path_open",
        |_: i32, _: i32, _: i32, _: i32, _: i32, _: i64, _: i64, _: i32, _: i32| NOENT,
    )?;
    linker.func_wrap(module, "poll_oneoff", |_: i32, _: i32, _: i32, _: i32| NOSYS)?;
    Ok(())
}

/// Standard output becomes Info, standard error becomes Error.
fn fd_write(mut caller: Host<'_>, descriptor: i32, vectors: i32, count: i32, written: i32) -> i32 {
    let level = match descriptor {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return BADF,
    };
    let mut guest = Guest::new(&mut caller);
    let Some(text) = gather(&mut guest, vectors, count) else {
        return FAULT;
    };
    if !text.is_empty() {
        guest.state().log(level, text.strip_suffix(b"\n").unwrap_or(&text));
    }
    done(guest.write_u32(written, text.len() as u32).is_ok())
}

fn gather(guest: &mut Guest<'_, '_>, vectors: i32, count: i32) -> Option<Vec<u8>> {
    let table = guest.read(vectors, count.checked_mul(8)?).ok()?;
    let mut text = Vec::new();
    for entry in table.chunks_exact(8) {
        let (pointer, size) = entry.split_first_chunk::<4>()?;
        let size = i32::from_le_bytes(size.try_into().ok()?);
        text.extend(guest.read(i32::from_le_bytes(*pointer), size).ok()?);
    }
    Some(text)
}

fn clock_time_get(mut caller: Host<'_>, clock: i32, _precision: i64, result: i32) -> i32 {
    let mut guest = Guest::new(&mut caller);
    let surroundings = guest.state().surroundings.clone();
    let now = match clock {
        0 => surroundings.now(),
        1 => surroundings.monotonic(),
        _ => return NOTSUP,
    };
    done(guest.write(result, &now.to_le_bytes()).is_ok())
}

fn clock_res_get(mut caller: Host<'_>, clock: i32, result: i32) -> i32 {
    if clock > 1 {
        return NOTSUP;
    }
    done(Guest::new(&mut caller).write(result, &1_u64.to_le_bytes()).is_ok())
}

fn random_get(mut caller: Host<'_>, buffer: i32, size: i32) -> i32 {
    if size as u32 > RANDOM_MAX_BYTES {
        return INVAL;
    }
    let mut bytes = vec![0; size as u32 as usize];
    let mut guest = Guest::new(&mut caller);
    guest.state().surroundings.fill(&mut bytes);
    done(guest.write(buffer, &bytes).is_ok())
}

fn environ_get(mut caller: Host<'_>, mut pointers: i32, mut buffer: i32) -> i32 {
    let mut guest = Guest::new(&mut caller);
    for entry in entries(guest.state()) {
        if guest.write_u32(pointers, buffer as u32).is_err() || guest.write(buffer, &entry).is_err()
        {
            return FAULT;
        }
        pointers += 4;
        buffer += entry.len() as i32;
    }
    SUCCESS
}

fn environ_sizes_get(mut caller: Host<'_>, count: i32, size: i32) -> i32 {
    let mut guest = Guest::new(&mut caller);
    let entries = entries(guest.state());
    let total: usize = entries.iter().map(Vec::len).sum();
    let stored = guest.write_u32(count, entries.len() as u32);
    done(stored.and_then(|()| guest.write_u32(size, total as u32)).is_ok())
}

fn entries(state: &HostState) -> Vec<Vec<u8>> {
    state
        .options
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}

fn args_sizes_get(mut caller: Host<'_>, count: i32, size: i32) -> i32 {
    let mut guest = Guest::new(&mut caller);
    let stored = guest.write_u32(count, 0);
    done(stored.and_then(|()| guest.write_u32(size, 0)).is_ok())
}

fn fd_fdstat_get(mut caller: Host<'_>, descriptor: i32, result: i32) -> i32 {
    if descriptor != 1 && descriptor != 2 {
        return BADF;
    }
    // fs_rights_base at offset 8: the right to write (bit 6), nothing else.
    let mut status = [0; 24];
    status[8] = 64;
    done(Guest::new(&mut caller).write(result, &status).is_ok())
}

fn proc_exit(code: i32) -> wasmtime::Result<()> {
    wasmtime::bail!("the plugin called proc_exit({code})")
}

fn done(stored: bool) -> i32 {
    if stored { SUCCESS } else { FAULT }
}
