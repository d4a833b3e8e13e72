//! `proxy_get_property` and `proxy_set_property`: which attribute exists in which callback, and in
//! which of Envoy's untyped byte forms.

use super::abi::{MapKind, Status};
use super::headers::HeaderMap;
use super::state::HostState;
use super::stream::Stream;

impl HostState {
    pub(super) fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let acting = self.acting();
        let fixed = match path {
            b"plugin_name" => Some(&self.options.plugin_name),
            b"plugin_root_id" => Some(&self.options.root_id),
            b"plugin_vm_id" => Some(&self.options.vm_id),
            _ => None,
        };
        if let Some(fixed) = fixed {
            return Ok(fixed.clone().into_bytes());
        }
        let Some(stream) = self.streams.get(&acting) else {
            return self.root_property(path);
        };
        let parts: Vec<&[u8]> = path.split(|byte| *byte == 0).collect();
        let value = stream_property(stream, path, &parts);
        value.or_else(|| self.options.properties.get(path).cloned()).ok_or(Status::NotFound)
    }

    /// Outside a stream only what is about the node and the listener exists.
    fn root_property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let node = path.starts_with(b"xds\0node") || path.starts_with(b"xds\0listener");
        self.options.properties.get(path).filter(|_| node).cloned().ok_or(Status::NotFound)
    }

    /// Any path becomes the filter state object `wasm.<path>`; there are no read-only properties.
    pub(super) fn set_property(&mut self, path: &[u8], value: &[u8]) -> Status {
        match self.acting_stream() {
            None => Status::NotFound,
            Some(stream) => {
                stream.filter_state.insert(path.to_vec(), value.to_vec());
                Status::Ok
            }
        }
    }
}

fn stream_property(stream: &Stream, path: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    match parts {
        [b"request", b"time"] => Some((stream.began_at as i64).to_le_bytes().to_vec()),
        [b"request", rest @ ..] if computed(rest) => {
            request(stream.map(MapKind::RequestHeaders)?, rest)
        }
        [b"response", b"code"] => Some(status(stream)?.to_le_bytes().to_vec()),
        [b"response", b"code_details"] => text(&stream.details),
        [b"response", b"headers", name] => joined(stream.map(MapKind::ResponseHeaders)?, name),
        [b"filter_state", key] if key.starts_with(b"wasm.") => {
            filter_state(stream, key.strip_prefix(b"wasm.")?)
        }
        [key] => filter_state(stream, key).or_else(|| stream.properties.get(*key).cloned()),
        _ => stream.properties.get(path).cloned(),
    }
}

/// Attributes of the request that follow from its headers.
fn computed(rest: &[&[u8]]) -> bool {
    let simple = [
        &b"path"[..],
        b"url_path",
        b"query",
        b"host",
        b"scheme",
        b"method",
        b"referer",
        b"useragent",
        b"id",
    ];
    matches!(rest, [name] if simple.contains(name)) || matches!(rest, [b"headers", _])
}

fn request(headers: &HeaderMap, rest: &[&[u8]]) -> Option<Vec<u8>> {
    let first = |name: &[u8]| headers.first(name).map(<[u8]>::to_vec);
    let path = || headers.first(b":path");
    let question = |path: &[u8]| path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    match rest {
        [b"path"] => first(b":path"),
        [b"url_path"] => path().map(|path| path[..question(path)].to_vec()),
        [b"query"] => {
            path().map(|path| path.get(question(path) + 1..).unwrap_or_default().to_vec())
        }
        [b"host"] => first(b":authority"),
        [b"scheme"] => first(b":scheme"),
        [b"method"] => first(b":method"),
        [b"referer"] => first(b"referer"),
        [b"useragent"] => first(b"user-agent"),
        [b"id"] => first(b"x-request-id"),
        [b"headers", name] => joined(headers, name),
        _ => None,
    }
}

fn joined(headers: &HeaderMap, name: &[u8]) -> Option<Vec<u8>> {
    let values: Vec<&[u8]> = headers.all(name).collect();
    if values.is_empty() { None } else { Some(values.join(&b',')) }
}

fn status(stream: &Stream) -> Option<i64> {
    let value = stream.response.headers.as_ref()?.first(b":status")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn filter_state(stream: &Stream, key: &[u8]) -> Option<Vec<u8>> {
    stream.filter_state.get(key).cloned()
}

fn text(value: &str) -> Option<Vec<u8>> {
    if value.is_empty() { None } else { Some(value.as_bytes().to_vec()) }
}
