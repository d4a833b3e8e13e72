//! Header maps and buffers: what can be reached in the callback at hand, and Envoy's rules for
//! changing it.

use wasmtime::{Caller, Linker};

use super::super::abi::{BufferKind, MapKind, Status};
use super::super::headers::{HeaderMap, Pair, decode_pairs, encode_pairs};
use super::super::state::{Answer, Guest, HostState, answer};
use super::super::stream::Direction;

type Host<'a> = Caller<'a, HostState>;

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_pairs", get_pairs)?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", set_pairs)?;
    linker.func_wrap("env", "proxy_get_header_map_size", get_size)?;
    linker.func_wrap("env", "proxy_get_header_map_value", get_value)?;
    linker.func_wrap("env", "proxy_add_header_map_value", add_value)?;
    linker.func_wrap("env", "proxy_replace_header_map_value", replace_value)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", remove_value)?;
    linker.func_wrap("env", "proxy_get_buffer_bytes", get_buffer)?;
    linker.func_wrap("env", "proxy_set_buffer_bytes", set_buffer)?;
    linker.func_wrap("env", "proxy_get_buffer_status", buffer_status)?;
    Ok(())
}

/// A map that cannot be reached lists no pairs and still answers Ok, as Envoy does.
fn get_pairs(mut caller: Host<'_>, kind: i32, data: i32, size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let Some(kind) = MapKind::from_abi(kind) else {
        return answer(Err(Status::BadArgument));
    };
    let pairs: Vec<Pair> =
        guest.state().readable(kind).map(|map| map.pairs().to_vec()).unwrap_or_default();
    let bytes = if pairs.is_empty() { Vec::new() } else { encode_pairs(&pairs) };
    answer(guest.hand_over(&bytes, data, size)?)
}

fn set_pairs(mut caller: Host<'_>, kind: i32, data: i32, size: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let pairs = guest.read(data, size).map(|bytes| decode_pairs(&bytes));
    answer(pairs.and_then(|pairs| guest.state().edit(kind, |map| *map = HeaderMap::new(pairs))))
}

fn get_size(mut caller: Host<'_>, kind: i32, result: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let size = guest
        .state()
        .writable(kind)
        .map(|map| map.pairs().iter().map(|pair| pair.0.len() + pair.1.len()).sum());
    answer(size.and_then(|size: usize| guest.write_u32(result, size as u32)))
}

fn get_value(
    mut caller: Host<'_>,
    kind: i32,
    name: i32,
    name_size: i32,
    value: i32,
    value_size: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    match guest.read(name, name_size).and_then(|name| guest.state().first(kind, &name)) {
        Ok(bytes) => answer(guest.hand_over(&bytes, value, value_size)?),
        Err(status) => answer(Err(status)),
    }
}

fn add_value(
    caller: Host<'_>,
    kind: i32,
    name: i32,
    name_size: i32,
    value: i32,
    value_size: i32,
) -> Answer {
    change(caller, kind, (name, name_size), (value, value_size), HeaderMap::add)
}

fn replace_value(
    caller: Host<'_>,
    kind: i32,
    name: i32,
    name_size: i32,
    value: i32,
    value_size: i32,
) -> Answer {
    change(caller, kind, (name, name_size), (value, value_size), HeaderMap::replace)
}

fn remove_value(caller: Host<'_>, kind: i32, name: i32, name_size: i32) -> Answer {
    change(caller, kind, (name, name_size), (0, 0), |map, name, _| map.remove(name))
}

fn change(
    mut caller: Host<'_>,
    kind: i32,
    name: (i32, i32),
    value: (i32, i32),
    apply: fn(&mut HeaderMap, &[u8], &[u8]),
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let arguments =
        guest.read(name.0, name.1).and_then(|name| Ok((name, guest.read(value.0, value.1)?)));
    answer(
        arguments
            .and_then(|(name, value)| guest.state().edit(kind, |map| apply(map, &name, &value))),
    )
}

fn get_buffer(
    mut caller: Host<'_>,
    kind: i32,
    start: i32,
    length: i32,
    data: i32,
    size: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let (start, length) = (start as u32, length as u32);
    if let Some(reply) = guest.state().call_reply.as_mut().filter(|_| is_whole(kind, start)) {
        // Of megabytes, so it is copied once, as a host does.
        let body = std::mem::take(&mut reply.body);
        let part = body.get(..length as usize).unwrap_or(&body);
        let handed = guest.hand_over(part, data, size);
        if let Some(reply) = guest.state().call_reply.as_mut() {
            reply.body = body;
        }
        return answer(handed?);
    }
    let bytes = match guest.state().buffer(kind) {
        Err(status) => return answer(Err(status)),
        Ok(_) if start.checked_add(length).is_none() => return answer(Err(Status::BadArgument)),
        Ok(buffer) => {
            let end = (start as usize + length as usize).min(buffer.len());
            buffer.get(start as usize..end).unwrap_or_default().to_vec()
        }
    };
    answer(guest.hand_over(&bytes, data, size)?)
}

/// The body of a reply, from its first byte on.
fn is_whole(kind: i32, start: u32) -> bool {
    matches!(BufferKind::from_abi(kind), Some(BufferKind::CallBody)) && start == 0
}

fn buffer_status(mut caller: Host<'_>, kind: i32, length: i32, flags: i32) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let size = guest.state().buffer(kind).map(<[u8]>::len);
    answer(size.and_then(|size| {
        guest.write_u32(length, size as u32)?;
        guest.write_u32(flags, 0)
    }))
}

fn set_buffer(
    mut caller: Host<'_>,
    kind: i32,
    start: i32,
    length: i32,
    data: i32,
    size: i32,
) -> Answer {
    let mut guest = Guest::new(&mut caller);
    let (start, length) = (start as u32 as usize, length as u32 as usize);
    answer(guest.read(data, size).and_then(|data| {
        let direction = match BufferKind::from_abi(kind).ok_or(Status::BadArgument)? {
            BufferKind::RequestBody => Direction::Request,
            BufferKind::ResponseBody => Direction::Response,
            _ => return Err(Status::BadArgument),
        };
        let stream = guest.state().acting_stream().ok_or(Status::BadArgument)?;
        let body = stream.half_mut(direction).body_mut().ok_or(Status::BadArgument)?;
        splice(body, start, length, data)
    }))
}

/// Envoy can replace a prefix (nothing, some, all) and append; it cannot cut into the middle.
fn splice(body: &mut Vec<u8>, start: usize, length: usize, data: Vec<u8>) -> Result<(), Status> {
    if start == 0 {
        body.splice(0..length.min(body.len()), data);
    } else if start >= body.len() {
        body.extend(data);
    } else {
        return Err(Status::BadArgument);
    }
    Ok(())
}

impl HostState {
    fn readable(&mut self, kind: MapKind) -> Option<&HeaderMap> {
        match kind {
            MapKind::CallHeaders => self.call_reply.as_ref().map(|reply| &reply.headers),
            MapKind::CallTrailers | MapKind::GrpcMetadata => None,
            _ => self.acting_stream()?.map(kind),
        }
    }

    fn first(&mut self, kind: i32, name: &[u8]) -> Result<Vec<u8>, Status> {
        let kind = MapKind::from_abi(kind).ok_or(Status::BadArgument)?;
        let missing =
            self.acting_stream().map_or(Status::BadArgument, |stream| stream.missing_map());
        let map = self.readable(kind).ok_or(missing)?;
        map.first(name).map(<[u8]>::to_vec).ok_or(Status::NotFound)
    }

    fn writable(&mut self, kind: i32) -> Result<&mut HeaderMap, Status> {
        let kind = MapKind::from_abi(kind).ok_or(Status::BadArgument)?;
        let stream = self.acting_stream().ok_or(Status::BadArgument)?;
        stream.map_mut(kind).ok_or(Status::BadArgument)
    }

    fn edit(&mut self, kind: i32, apply: impl FnOnce(&mut HeaderMap)) -> Result<(), Status> {
        self.writable(kind).map(apply)
    }

    /// Bodies out of reach are empty; configurations and call replies out of reach are not found.
    fn buffer(&mut self, kind: i32) -> Result<&[u8], Status> {
        match BufferKind::from_abi(kind).ok_or(Status::BadArgument)? {
            BufferKind::RequestBody => {
                Ok(self.acting_stream().map_or(&[], |stream| stream.request.body()))
            }
            BufferKind::ResponseBody => {
                Ok(self.acting_stream().map_or(&[], |stream| stream.response.body()))
            }
            BufferKind::CallBody => {
                self.call_reply.as_ref().map(|reply| reply.body.as_slice()).ok_or(Status::NotFound)
            }
            BufferKind::VmConfiguration => Ok(&self.options.vm_configuration),
            BufferKind::PluginConfiguration => {
                self.plugin_configuration.as_deref().ok_or(Status::NotFound)
            }
            BufferKind::Other => Ok(&[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_a_new_prefix_or_suffix_but_no_cut_in_the_middle() {
        let set = |start, length| {
            let mut body = b"0123".to_vec();
            splice(&mut body, start, length, b"xy".to_vec()).map(|()| body)
        };
        assert_eq!(set(0, 4), Ok(b"xy".to_vec()));
        assert_eq!(set(0, 99), Ok(b"xy".to_vec()));
        assert_eq!(set(0, 0), Ok(b"xy0123".to_vec()));
        assert_eq!(set(0, 1), Ok(b"xy123".to_vec()));
        assert_eq!(set(4, 0), Ok(b"0123xy".to_vec()));
        assert_eq!(set(1, 2), Err(Status::BadArgument));
    }
}
