//! Shared data, queues and metrics: argument decoding for [`super::super::shared`].

use wasmtime::{Caller, Linker};

use super::super::abi::Status;
use super::super::metrics::MetricKind;
use super::super::state::{Answer, Guest, HostState, answer};

type Host<'a> = Caller<'a, HostState>;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_shared_data", get_shared_data)?;
    linker.func_wrap("env", "proxy_set_shared_data", set_shared_data)?;
    linker.func_wrap("env", "proxy_register_shared_queue", register_queue)?;
    linker.func_wrap("env", "proxy_resolve_shared_queue", resolve_queue)?;
    linker.func_wrap("env", "proxy_enqueue_shared_queue", enqueue)?;
    linker.func_wrap("env", "proxy_dequeue_shared_queue", dequeue)?;
    linker.func_wrap("env", "proxy_define_metric", define_metric)?;
    linker.func_wrap("env", "proxy_increment_metric", increment_metric)?;
    linker.func_wrap("env", "proxy_record_metric", record_metric)?;
    linker.func_wrap("env", "proxy_get_metric", get_metric)?;
    Ok(())
}

fn get_shared_data(
    mut caller: Host<'_>,
    key: i32,
    key_size: i32,
    value: i32,
    value_size: i32,
    cas: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let key = guest.read(key, key_size);
    let found = key.and_then(|key| guest.state().options.shared.data(&key).ok_or(Status::NotFound));
    match found {
        Err(status) => answer(Err(status)),
        Ok((bytes, number)) => {
            let handed = guest.hand_over(&bytes, value, value_size)?;
            answer(handed.and_then(|()| guest.write_u32(cas, number)))
        }
    }
}

fn set_shared_data(
    mut caller: Host<'_>,
    key: i32,
    key_size: i32,
    value: i32,
    value_size: i32,
    cas: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let arguments =
        guest.read(key, key_size).and_then(|key| Ok((key, guest.read(value, value_size)?)));
    match arguments {
        Err(status) => answer(Err(status)),
        Ok((key, value)) => Ok(guest.state().options.shared.set(&key, &value, cas as u32) as i32),
    }
}

fn register_queue(mut caller: Host<'_>, name: i32, name_size: i32, token: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    answer(guest.read(name, name_size).and_then(|name| {
        let state = guest.state();
        let listener = (state.worker, state.acting_root());
        let number =
            state.options.shared.register_queue(state.options.vm_id.as_bytes(), &name, listener);
        guest.write_u32(token, number)
    }))
}

fn resolve_queue(
    mut caller: Host<'_>,
    vm_id: i32,
    vm_id_size: i32,
    name: i32,
    name_size: i32,
    token: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let arguments =
        guest.read(vm_id, vm_id_size).and_then(|vm_id| Ok((vm_id, guest.read(name, name_size)?)));
    answer(arguments.and_then(|(vm_id, name)| {
        let options = &guest.state().options;
        let vm_id = if vm_id.is_empty() { options.vm_id.clone().into_bytes() } else { vm_id };
        let number = options.shared.resolve_queue(&vm_id, &name).ok_or(Status::NotFound)?;
        guest.write_u32(token, number)
    }))
}

fn enqueue(mut caller: Host<'_>, token: i32, data: i32, size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    match guest.read(data, size) {
        Err(status) => answer(Err(status)),
        Ok(item) => Ok(guest.state().options.shared.enqueue(token as u32, &item) as i32),
    }
}

fn dequeue(mut caller: Host<'_>, token: i32, data: i32, size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    match guest.state().options.shared.dequeue(token as u32) {
        Err(status) => answer(Err(status)),
        Ok(item) => answer(guest.hand_over(&item, data, size)?),
    }
}

fn define_metric(
    mut caller: Host<'_>,
    kind: i32,
    name: i32,
    name_size: i32,
    result: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    answer(guest.read(name, name_size).and_then(|name| {
        let kind = MetricKind::from_abi(kind).ok_or(Status::BadArgument)?;
        let name = String::from_utf8_lossy(&name).into_owned();
        let state = guest.state();
        state.options.shared.with_metrics(|metrics| metrics.define(kind, &name));
        // Envoy keeps the kind in the lowest two bits.
        let number = (state.metrics.len() as u32 + 1) * 4 + kind as u32;
        state.metrics.insert(number, (kind, name));
        guest.write_u32(result, number)
    }))
}

fn increment_metric(mut caller: Host<'_>, metric: i32, offset: i64) -> Answer {
    let state = caller.data_mut();
    if metric & 3 >= 2 {
        return answer(Err(Status::BadArgument));
    }
    let known = state.metrics.get(&(metric as u32));
    let status = known
        .map(|known| state.options.shared.with_metrics(|metrics| metrics.increment(known, offset)));
    Ok(status.unwrap_or(Status::NotFound) as i32)
}

fn record_metric(mut caller: Host<'_>, metric: i32, sample: i64) -> Answer {
    let state = caller.data_mut();
    let known = state.metrics.get(&(metric as u32));
    let status = known.map(|known| {
        state.options.shared.with_metrics(|metrics| metrics.record(known, sample as u64))
    });
    Ok(status.unwrap_or(Status::NotFound) as i32)
}

fn get_metric(mut caller: Host<'_>, metric: i32, result: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    if metric & 3 >= 2 {
        return answer(Err(Status::BadArgument));
    }
    let state = guest.state();
    let known = state.metrics.get(&(metric as u32)).ok_or(Status::NotFound);
    let value =
        known.and_then(|known| state.options.shared.with_metrics(|metrics| metrics.value(known)));
    answer(value.and_then(|value| guest.write(result, &value.to_le_bytes())))
}
