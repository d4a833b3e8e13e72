//! Between hyper's messages and the gateway's header pairs.

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, Uri, request, response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::vm::{HeaderMap, Pair};

/// The body of anything this host sends.
pub(super) type SentBody = UnsyncBoxBody<Bytes, super::body::CutOff>;

/// Makes requests to the upstream and to clusters.
pub(super) type Client = legacy::Client<HttpConnector, SentBody>;

pub(super) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    legacy::Client::builder(TokioExecutor::new()).build(connector)
}

/// Headers that concern one connection only (RFC 9110 section 7.6.1); `host` becomes `:authority`.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// A request as the gateway sees it.
pub(super) fn request_pairs(head: &request::Parts) -> HeaderMap {
    let host = head.headers.get("host").map(HeaderValue::as_bytes);
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes()).or(host);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let pseudo = [
        (":authority", authority.unwrap_or_default()),
        (":path", path.as_bytes()),
        (":method", head.method.as_str().as_bytes()),
        (":scheme", head.uri.scheme_str().unwrap_or("http").as_bytes()),
    ];
    let pseudo = pseudo.map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
    HeaderMap::new(pseudo.into_iter().chain(end_to_end(&head.headers)))
}

/// A response as the gateway sees it.
pub(super) fn response_pairs(head: &response::Parts) -> HeaderMap {
    let status = (b":status".to_vec(), head.status.as_str().as_bytes().to_vec());
    HeaderMap::new(std::iter::once(status).chain(end_to_end(&head.headers)))
}

/// Header or trailer fields as pairs.
pub(super) fn end_to_end(fields: &http::HeaderMap) -> impl Iterator<Item = Pair> {
    let kept = fields.iter().filter(|field| !HOP_BY_HOP.contains(&field.0.as_str()));
    kept.map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
}

/// A request to `base`, with what the gateway's header block says.
pub(super) fn request(
    base: &Uri,
    headers: &HeaderMap,
    body: SentBody,
) -> anyhow::Result<Request<SentBody>> {
    let authority = base.authority().ok_or_else(|| anyhow!("{base} has no authority"))?;
    let uri = Uri::builder()
        .scheme(base.scheme_str().unwrap_or("http"))
        .authority(authority.as_str())
        .path_and_query(pseudo(headers, ":path")?)
        .build()?;
    let mut request = Request::builder().method(pseudo(headers, ":method")?).uri(uri).body(body)?;
    *request.headers_mut() = fields(headers)?;
    let host = HeaderValue::from_bytes(pseudo(headers, ":authority")?)?;
    request.headers_mut().insert("host", host);
    Ok(request)
}

/// A response with what the gateway's header block says.
pub(super) fn response<B>(headers: &HeaderMap, body: B) -> anyhow::Result<Response<B>> {
    let mut response = Response::builder().status(pseudo(headers, ":status")?).body(body)?;
    *response.headers_mut() = fields(headers)?;
    Ok(response)
}

/// Pairs without pseudo headers.
pub(super) fn fields(headers: &HeaderMap) -> anyhow::Result<http::HeaderMap> {
    let mut fields = http::HeaderMap::new();
    for (name, value) in headers.pairs().iter().filter(|pair| !pair.0.starts_with(b":")) {
        fields.append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
    }
    Ok(fields)
}

fn pseudo<'a>(headers: &'a HeaderMap, name: &str) -> anyhow::Result<&'a [u8]> {
    headers.first(name.as_bytes()).with_context(|| format!("no {name}"))
}
