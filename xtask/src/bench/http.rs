//! The few HTTP requests that the benchmark makes itself: is it ready, what has it counted, is a
//! request of this form let through.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// A request, as `bench-native world` writes it.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Map<String, Value>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Map::new(),
            body: String::new(),
        }
    }

    /// Reads one of those.
    pub(super) fn from_json(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text)?;
        let text = |name: &str| {
            let text = json.get(name).and_then(Value::as_str).map(str::to_owned);
            text.with_context(|| format!("a request without `{name}`"))
        };
        let headers = json.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self { method: text("method")?, path: text("path")?, headers, body: text("body")? })
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// Sends it, on a connection of its own.
    pub(super) fn send(&self, port: u16) -> std::io::Result<Answer> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.method,
            self.path,
            at(port)
        );
        for (name, value) in self.headers() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        let mut stream = TcpStream::connect(at(port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "{text}\r\n{}", self.body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(Answer(answer))
    }
}

/// An answer, as it came.
pub(super) struct Answer(pub(super) String);

impl Answer {
    pub(super) fn is_200(&self) -> bool {
        self.0.starts_with("HTTP/1.1 200")
    }

    /// The value of a line `name: value`, as Envoy's `/stats` writes them.
    pub(super) fn value(&self, name: &str) -> Option<u64> {
        self.0
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok())
    }
}

pub(super) fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Two ports that nobody listens on.
pub(super) fn free_ports() -> Result<[u16; 2]> {
    let bind = || TcpListener::bind(at(0)).context("no port is free on 127.0.0.1");
    let (one, other) = (bind()?, bind()?);
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}

/// An Envoy that is starting takes connections before it answers them.
const PATIENCE: Duration = Duration::from_secs(2);
