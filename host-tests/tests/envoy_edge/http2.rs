//! A client that speaks HTTP/2 frame by frame.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use host_tests::envoy::{Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::net::TcpStream;

use crate::world::World;

/// One connection.
pub(crate) struct Http2 {
    send: SendRequest<Bytes>,
}

/// Runs it on this thread.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(host_tests::envoy::wait::PATIENCE, future).await };
    runtime.block_on(limited).expect("an answer in time")
}

impl Http2 {
    pub(crate) async fn connect(world: &World) -> Self {
        let stream = TcpStream::connect(world.listener.address()).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        // It ends with an error when Envoy closes, which is not what is tested.
        tokio::spawn(async move { drop(connection.await) });
        Self { send }
    }

    /// Sends the head alone.
    pub(crate) async fn open(&mut self, request: &Request) -> (ResponseFuture, SendStream<Bytes>) {
        let mut send = self.send.clone().ready().await.unwrap();
        send.send_request(head(request), request.body.is_none()).unwrap()
    }

    /// Sends the head of an extended CONNECT (RFC 8441 §4), once the gateway has said that it takes any.
    pub(crate) async fn extended(
        &mut self,
        request: &Request,
        protocol: &str,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        while !self.send.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut head = head(request);
        head.extensions_mut().insert(Protocol::from(protocol));
        let mut send = self.send.clone().ready().await.unwrap();
        send.send_request(head, false).unwrap()
    }

    /// Asks for a tunnel to that authority: a CONNECT without a path (RFC 9113 §8.5).
    pub(crate) async fn tunnel(
        &mut self,
        request: &Request,
        authority: &str,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut head = head(request);
        *head.uri_mut() = authority.parse().unwrap();
        let mut send = self.send.clone().ready().await.unwrap();
        send.send_request(head, false).unwrap()
    }

    /// A whole exchange: the body in frames of that size, trailers if there are any.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        size: usize,
        trailers: &[(&str, &str)],
    ) -> Response {
        let (response, mut stream) = self.open(request).await;
        let body = request.body.iter().flatten().flatten().copied().collect::<Vec<u8>>();
        let mut pieces = body.chunks(size).peekable();
        while let Some(piece) = pieces.next() {
            let end = pieces.peek().is_none() && trailers.is_empty();
            // A stream that was refused already takes no more.
            let _ = stream.send_data(piece.to_vec().into(), end);
            tokio::task::yield_now().await;
        }
        if !trailers.is_empty() {
            let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = |value: &str| HeaderValue::from_str(value).unwrap();
            let map: HeaderMap = trailers.iter().map(|(n, v)| (name(n), value(v))).collect();
            let _ = stream.send_trailers(map);
        }
        whole(response).await
    }
}

/// The answer, to its end.
pub(crate) async fn whole(response: ResponseFuture) -> Response {
    let (head, mut stream) = response.await.unwrap().into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        stream.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    let lines = |map: &HeaderMap| {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        map.iter().map(line).collect()
    };
    let headers = lines(&head.headers);
    Response { status: head.status.as_u16(), headers, body, trailers: Vec::new(), whole: true }
}

/// The head in HTTP/2's form.
pub(crate) fn head(request: &Request) -> http::Request<()> {
    let target = String::from_utf8(request.target.clone()).unwrap();
    let method = String::from_utf8(request.method.clone()).unwrap();
    let uri = format!("http://gateway.acme.example{target}");
    let mut head = http::Request::builder().method(method.as_str()).uri(uri);
    for (name, value) in request.headers.iter().filter(|(name, _)| name != b"host") {
        head = head.header(name.as_slice(), value.as_slice());
    }
    head.body(()).unwrap()
}
