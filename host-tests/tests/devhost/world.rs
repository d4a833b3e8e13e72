//! A devhost, an upstream that notes what it sees, and a client.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_tests::devhost::{Devhost, Settings};
use host_tests::vm::FailurePolicy;
use http::{HeaderMap, Request, Response, request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::guest::Guest;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Everything one test talks to.
pub(crate) struct World {
    pub(crate) upstream: Upstream,
    address: String,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start(guest: &Guest) -> Self {
        Self::try_start(guest).await.expect("the world starts")
    }

    pub(crate) async fn try_start(guest: &Guest) -> anyhow::Result<Self> {
        let upstream = Upstream::start().await;
        Self::around(guest, upstream).await
    }

    /// Nobody listens where requests are forwarded.
    pub(crate) async fn without_upstream(guest: &Guest) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let upstream = Upstream { address: free.to_string(), ..Upstream::start().await };
        Self::around(guest, upstream).await.expect("the world starts")
    }

    async fn around(guest: &Guest, upstream: Upstream) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let base: http::Uri = format!("http://{}", upstream.address).parse()?;
        let host = Devhost::start(Settings {
            module: guest.bytes(),
            configuration: b"{}".to_vec(),
            listen: "127.0.0.1:0".parse()?,
            upstream: base.clone(),
            clusters: [("idp".to_owned(), base)].into(),
            receipts: Some(folder.path().join("receipts.jsonl")),
            workers: 1,
            failure: FailurePolicy::Closed,
            buffer_limit: 1 << 20,
        })
        .await?;
        let address = host.address()?.to_string();
        tokio::spawn(host.run());
        Ok(Self { upstream, address, folder })
    }

    pub(crate) fn authority(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn receipts(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("receipts.jsonl")).unwrap()
    }

    pub(crate) async fn send(
        &self,
        request: request::Builder,
        body: &str,
    ) -> Result<Response<Incoming>, legacy::Error> {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http();
        client.request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
    }

    pub(crate) async fn send_http2(
        &self,
        request: request::Builder,
        body: Body,
    ) -> Result<Response<Incoming>, legacy::Error> {
        let client = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        client.request(request.body(body).unwrap()).await
    }

    pub(crate) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < Duration::from_secs(5), "it did not come to that");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A body of these frames.
pub(crate) fn pieces(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Body {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(8);
    for frame in frames {
        sender.try_send(frame).expect("room for the frame");
    }
    body.boxed_unsync()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// One request as the upstream saw it.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Method, path, body size.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
}

/// Answers every request with its first line and body size, and `/events` with what the test emits.
pub(crate) struct Upstream {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    events: UnboundedSender<Option<String>>,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (events, emitted) = unbounded_channel();
        tokio::spawn(listen(
            listener,
            Arc::clone(&seen),
            Arc::new(tokio::sync::Mutex::new(emitted)),
        ));
        Self { address, seen, events }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn emit(&self, event: &str) {
        self.events.send(Some(event.to_owned())).unwrap();
    }

    pub(crate) fn end(&self) {
        self.events.send(None).unwrap();
    }
}

type Emitted = Arc<tokio::sync::Mutex<UnboundedReceiver<Option<String>>>>;

async fn listen(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>, emitted: Emitted) {
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        let (seen, emitted) = (Arc::clone(&seen), Arc::clone(&emitted));
        tokio::spawn(async move {
            let service =
                service_fn(move |request| answer(request, Arc::clone(&seen), Arc::clone(&emitted)));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    emitted: Emitted,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let size = body.collect().await?.to_bytes().len();
    let line = format!("{} {} {size}", head.method, head.uri);
    seen.lock().unwrap().push(Seen { line: line.clone(), headers: head.headers });
    if head.uri.path() != "/events" {
        return Ok(Response::new(Full::new(Bytes::from(line)).boxed_unsync()));
    }
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        let mut emitted = emitted.lock().await;
        while let Some(Some(event)) = emitted.recv().await {
            sender.send_data(Bytes::from(event)).await.unwrap();
        }
    });
    Ok(Response::new(body.boxed_unsync()))
}
