//! What a request of the route table is, besides its method and path: one with an answer, a gRPC call,
//! or the beginning of a connection that is HTTP no longer.
//!
//! The head says it, so it is as much part of a route as the method: a route that does not name it never
//! serves it. Not here: what comes after. Messages of a gRPC call and of a WebSocket are not read.

use crate::decision::{Reason, Shape};
use crate::evidence::{Head, Line, Once};

/// What a request, or a route, is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Over {
    /// A request and its answer.
    #[default]
    Plain,
    /// A gRPC call (`PROTOCOL-HTTP2.md` of gRPC).
    Grpc,
    /// The connection, or the stream, becomes that (lower case): RFC 9110 §7.8, RFC 8441.
    Upgrade(String),
}

/// What a request is.
///
/// # Errors
/// It can be read in two ways, or is something that no route can name.
pub(super) fn of(line: Line<'_>, head: &Head) -> Result<Over, Reason> {
    let upgrade = match (head.once("upgrade"), line.protocol) {
        (Once::Absent, None) => None,
        // RFC 6455 §4.1: an upgrade is asked for by GET. A list is a choice that the upstream would make; two
        // headers are one too, and some hosts join them.
        (Once::One(name), None) if line.method == "GET" && !name.contains(',') => Some(name),
        // Envoy joins two of them.
        (Once::Absent, Some(name)) if !name.contains(',') => Some(name),
        _ => return Err(Reason::RequestMalformed),
    };
    if let Some(name) = upgrade {
        // An upstream that does not upgrade would read content as the next request (threats B17).
        return match ["content-length", "transfer-encoding"].iter().any(|name| head.has(name)) {
            true => Err(Reason::RequestMalformed),
            false => Ok(Over::Upgrade(name.to_ascii_lowercase())),
        };
    }
    match is_grpc(head) {
        true => Ok(Over::Grpc),
        // gRPC-Web, another spelling, two values: gRPC to some servers and nothing to others.
        false if head.all(CONTENT_TYPE).any(claims_grpc) => Err(Reason::Unmapped),
        false => Ok(Over::Plain),
    }
}

/// The form of a refusal. Envoy sends every answer of a filter to a gRPC client as a status of gRPC; it is
/// the same on every host.
pub(super) fn shape(head: &Head) -> Shape {
    if is_grpc(head) { Shape::Grpc } else { Shape::Problem }
}

/// Exactly as Envoy sees it (`Grpc::Common::hasGrpcContentType`): in lower case, with a `+` or nothing after
/// it. gRPC-Web is another protocol (threats B18).
fn is_grpc(head: &Head) -> bool {
    let rest = match head.once(CONTENT_TYPE) {
        Once::One(value) => value.strip_prefix(GRPC),
        Once::Absent | Once::Many => None,
    };
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('+') && !rest.contains(',')))
}

fn claims_grpc(value: &[u8]) -> bool {
    let start = value.trim_ascii_start().get(..GRPC.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC.as_bytes()))
}

/// The path of a method that a route names as `package.Service/Method`, if it is one.
pub(crate) fn grpc_path(name: &str) -> Option<String> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let identifier = |text: &str| {
        text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
    };
    let (service, method) = name.split_once('/')?;
    (service.split('.').all(identifier) && identifier(method)).then(|| format!("/{name}"))
}

impl Over {
    /// What is wrong with a route that is this, and in which of its members.
    pub(super) fn problem(&self, method: &str) -> Option<(&'static str, &'static str)> {
        let Self::Upgrade(name) = self else { return None };
        let token =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        if name.is_empty() || !name.bytes().all(token) {
            return Some(("upgrade", "must be written in lower case, such as websocket"));
        }
        // What comes after these is HTTP again, and nobody would decide about it (RFC 9110 §7.8, §16.7).
        if ["h2", "h3", "http", "tls"].iter().any(|never| name.starts_with(never)) {
            return Some(("upgrade", "is one that is never served"));
        }
        (method != "GET").then_some(("method", "must be GET, which an extended CONNECT counts as"))
    }
}

const CONTENT_TYPE: &str = "content-type";
const GRPC: &str = "application/grpc";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::head;

    fn read(method: &str, headers: &[(&str, &str)]) -> Result<Over, Reason> {
        let head = head(method, "/a.B/C", headers);
        of(head.line().unwrap(), &head)
    }

    #[test]
    fn a_grpc_call_is_what_envoy_takes_for_one_and_nothing_near_it() {
        for value in ["application/grpc", "application/grpc+proto", "application/grpc+json"] {
            assert_eq!(read("POST", &[("content-type", value)]), Ok(Over::Grpc), "{value}");
        }
        for value in [
            "application/grpc-web+proto",
            "Application/GRPC",
            " application/grpc",
            "application/grpc;charset=utf-8",
            "application/grpc, application/json",
            "application/grpc+proto,text/plain",
        ] {
            let read = read("POST", &[("content-type", value)]);
            assert_eq!(read, Err(Reason::Unmapped), "{value}");
        }
        let twice = [("content-type", "application/json"), ("content-type", "application/grpc")];
        assert_eq!(read("POST", &twice), Err(Reason::Unmapped));
        for value in ["application/json", "application/grp", ""] {
            assert_eq!(read("POST", &[("content-type", value)]), Ok(Over::Plain), "{value}");
        }
    }

    #[test]
    fn an_upgrade_is_asked_for_in_one_way_and_without_content() {
        let websocket = Ok(Over::Upgrade("websocket".to_owned()));
        assert_eq!(read("GET", &[("upgrade", "WebSocket")]), websocket);
        assert_eq!(read("CONNECT", &[(":protocol", "websocket")]), websocket);
        for (method, headers) in [
            ("POST", vec![("upgrade", "websocket")]),
            ("GET", vec![("upgrade", "websocket"), ("upgrade", "h2c")]),
            ("GET", vec![("upgrade", "websocket,h2c")]),
            ("CONNECT", vec![(":protocol", "websocket"), ("upgrade", "websocket")]),
            ("GET", vec![("upgrade", "websocket"), ("content-length", "5")]),
            ("GET", vec![("upgrade", "websocket"), ("transfer-encoding", "chunked")]),
            ("CONNECT", vec![(":protocol", "websocket"), ("content-length", "0")]),
        ] {
            assert_eq!(read(method, &headers), Err(Reason::RequestMalformed), "{headers:?}");
        }
    }

    #[test]
    fn a_grpc_method_is_named_as_its_path_has_it() {
        assert_eq!(grpc_path("orders.v1.Orders/Get").as_deref(), Some("/orders.v1.Orders/Get"));
        for bad in
            ["", "/", "Orders", "/Orders/Get", "a..B/C", "a.B/C/D", "a.B/{m}", "a.B/", "1.B/C"]
        {
            assert_eq!(grpc_path(bad), None, "{bad}");
        }
    }
}
