//! The HTTP under rmcp's streamable transport, and what a refusal said.
//!
//! rmcp's own HTTP client drops the body of a 401 or 403 that carries a challenge, and with it the
//! evaluation id that a person needs to ask about a refusal. This one sends the same requests and
//! keeps the last refusal. Everything above HTTP stays rmcp's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Response;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use serde_json::Value;
use sse_stream::{Error as SseError, Sse, SseStream};

const SESSION: &str = "mcp-session-id";

type Failure = StreamableHttpError<reqwest::Error>;

/// What an HTTP answer other than success said.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) challenge: Option<String>,
    pub(super) body: String,
}

impl Refusal {
    /// The JSON-RPC error, if the body has one.
    pub(super) fn error(&self) -> Option<Value> {
        serde_json::from_str::<Value>(&self.body).ok()?.get("error").cloned()
    }
}

/// An HTTP client that remembers the last refusal.
#[derive(Clone, Default)]
pub(super) struct Wire {
    http: reqwest::Client,
    refusal: Arc<Mutex<Option<Refusal>>>,
}

impl Wire {
    /// The last refusal, once.
    pub(super) fn take_refusal(&self) -> Option<Refusal> {
        self.refusal.lock().expect("no holder panics").take()
    }

    async fn refused(&self, response: Response) -> Failure {
        let status = response.status();
        let challenge = header(response.headers(), &WWW_AUTHENTICATE);
        let body = response.text().await.unwrap_or_default();
        let error = format!("HTTP {status}: {body}");
        let refusal = Refusal { status: status.as_u16(), challenge, body };
        *self.refusal.lock().expect("no holder panics") = Some(refusal);
        StreamableHttpError::UnexpectedServerResponse(error.into())
    }

    async fn answered(response: Response) -> Result<StreamableHttpPostResponse, Failure> {
        let session = header(response.headers(), &HeaderName::from_static(SESSION));
        let media = header(response.headers(), &CONTENT_TYPE).unwrap_or_default();
        if media.starts_with("text/event-stream") {
            let events = SseStream::from_bytes_stream(response.bytes_stream()).boxed();
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        let body = response.bytes().await?;
        let message: ServerJsonRpcMessage = serde_json::from_slice(&body)?;
        Ok(StreamableHttpPostResponse::Json(message, session))
    }
}

impl StreamableHttpClient for Wire {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let mut request = self
            .http
            .post(uri.as_ref())
            .header(ACCEPT, "application/json, text/event-stream")
            .headers(headers.into_iter().collect());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &session {
            request = request.header(SESSION, session.as_ref());
        }
        let response = request.json(&message).send().await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => {
                Ok(StreamableHttpPostResponse::Accepted)
            }
            StatusCode::NOT_FOUND if session.is_some() => Err(StreamableHttpError::SessionExpired),
            status if status.is_success() => Self::answered(response).await,
            _ => Err(self.refused(response).await),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        self.http.delete_session(uri, session, token, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event_id: Option<String>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        self.http.get_stream(uri, session, last_event_id, token, headers).await
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
