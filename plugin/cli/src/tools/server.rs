//! What an MCP server lists: asked in 2026-07-28 and, if that is refused, with the handshake of 2025-11-25.
//!
//! Plain HTTP only: for a server that speaks TLS, save its answer with a client that does, and give the file.
//! Nothing that a server says is followed: no redirects, and only as many pages and bytes as are bounded here.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use deputy_engine::{ListedTool, listed_tools};
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::{Value, json};

use crate::files;

/// The tools that a server lists, or that a file says it did.
pub(super) fn listed(source: &str) -> anyhow::Result<Vec<ListedTool>> {
    if source.starts_with("https://") {
        bail!(
            "https is not spoken here; save the server's answer to tools/list (curl does) and give the file"
        );
    }
    let tools = if source.starts_with("http://") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Server::new(source)?.list()).with_context(|| source.to_owned())?
    } else {
        let answer = files::read(source.as_ref())?;
        let listed = listed_tools(answer.as_bytes()).map_err(anyhow::Error::msg);
        let listed = listed.with_context(|| source.to_owned())?;
        ensure!(listed.next_cursor.is_none(), "{source}: is one page of several (nextCursor)");
        listed.tools
    };
    for (i, tool) in tools.iter().enumerate() {
        let twice = tools.iter().take(i).any(|other| other.name == tool.name);
        ensure!(!twice, "{source}: lists {} twice", tool.name.escape_debug());
    }
    Ok(tools)
}

struct Server {
    http: Client,
    url: String,
    token: Option<String>,
    session: Option<String>,
    /// Of the next request.
    id: i64,
}

impl Server {
    #[allow(clippy::disallowed_methods, reason = "a token is no argument: others see those")]
    fn new(url: &str) -> anyhow::Result<Self> {
        let http = Client::builder().redirect(redirect::Policy::none()).timeout(PATIENCE);
        let token = std::env::var("ACCESS_TOKEN").ok().filter(|token| !token.is_empty());
        Ok(Self { http: http.build()?, url: url.to_owned(), token, session: None, id: 1 })
    }

    async fn list(mut self) -> anyhow::Result<Vec<ListedTool>> {
        let modern = self.modern(None).await?;
        let is_modern = modern.is_some();
        let mut answer = match modern {
            Some(answer) => answer,
            None => {
                self.handshake().await?;
                self.legacy(None).await?
            }
        };
        let mut tools = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = listed_tools(&answer).map_err(anyhow::Error::msg)?;
            tools.extend(page.tools);
            let Some(cursor) = page.next_cursor else { return Ok(tools) };
            answer = if is_modern {
                self.modern(Some(&cursor)).await?.context("a page is refused")?
            } else {
                self.legacy(Some(&cursor)).await?
            };
        }
        bail!("has more than {MAX_PAGES} pages")
    }

    /// None: the server does not speak 2026-07-28.
    async fn modern(&mut self, cursor: Option<&str>) -> anyhow::Result<Option<Vec<u8>>> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": NAME, "version": VERSION},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let request = self.message("tools/list", params(json!({"_meta": meta}), cursor));
        let post = self.post(&request, MODERN).header("mcp-method", "tools/list");
        let response = post.send().await?;
        match response.status().as_u16() {
            200 => self.answer(response).await.map(Some),
            400 | 404 | 405 => Ok(None),
            status => bail!("answers with HTTP status {status}"),
        }
    }

    async fn handshake(&mut self) -> anyhow::Result<()> {
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": {"name": NAME, "version": VERSION},
        });
        let request = self.message("initialize", params);
        let response = good(self.post(&request, LEGACY).send().await?)?;
        let session = response.headers().get(SESSION).and_then(|value| value.to_str().ok());
        self.session = session.map(str::to_owned);
        self.answer(response).await?;
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        good(self.post(&ready, LEGACY).send().await?).map(drop)
    }

    async fn legacy(&mut self, cursor: Option<&str>) -> anyhow::Result<Vec<u8>> {
        let request = self.message("tools/list", params(json!({}), cursor));
        let response = good(self.post(&request, LEGACY).send().await?)?;
        self.answer(response).await
    }

    fn message(&mut self, method: &str, params: Value) -> Value {
        self.id = self.id.saturating_add(1);
        json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
    }

    fn post(&self, message: &Value, version: &str) -> RequestBuilder {
        let mut post = self
            .http
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", version)
            .json(message);
        if let Some(token) = &self.token {
            post = post.bearer_auth(token);
        }
        match &self.session {
            Some(session) => post.header(SESSION, session),
            None => post,
        }
    }

    /// The one message that answers the last request: the body, or one of its events.
    async fn answer(&self, mut response: Response) -> anyhow::Result<Vec<u8>> {
        let media = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let events = media.is_some_and(|media| media.starts_with("text/event-stream"));
        let mut held = Vec::new();
        while let Some(piece) = response.chunk().await? {
            held.extend_from_slice(&piece);
            ensure!(held.len() <= MAX_BYTES, "answers with more than {MAX_BYTES} bytes");
            if events && let Some(answer) = event(&held, self.id) {
                return Ok(answer);
            }
        }
        if events { bail!("has ended its stream without an answer") } else { Ok(held) }
    }
}

fn params(mut params: Value, cursor: Option<&str>) -> Value {
    if let (Some(cursor), Some(members)) = (cursor, params.as_object_mut()) {
        members.insert("cursor".to_owned(), cursor.into());
    }
    params
}

fn good(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    ensure!(status.is_success(), "answers with HTTP status {}", status.as_u16());
    Ok(response)
}

/// The data of the first whole event that answers that request (WHATWG HTML §9.2.6).
fn event(stream: &[u8], id: i64) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(stream).ok()?.replace("\r\n", "\n").replace('\r', "\n");
    let (whole, _) = text.rsplit_once("\n\n")?;
    whole.split("\n\n").find_map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let data: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let data = data.join("\n");
        let message: Value = serde_json::from_str(&data).ok()?;
        (message["id"] == id).then(|| data.into_bytes())
    })
}

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
const SESSION: &str = "mcp-session-id";
const NAME: &str = "deputy";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// For one answer, its body included.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_PAGES: usize = 100;
