//! A client that sends exactly the bytes it is told to.

use std::io;
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::reply::{chunk, last_chunk};
use super::wait::PATIENCE;
use super::wire::{self, Lines, Wire};

/// A request. What it needs to be framed is added to what it says; nothing else is.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, as it is.
    pub method: Vec<u8>,
    /// Request target, as it is.
    pub target: Vec<u8>,
    /// Header lines, as they are.
    pub headers: Lines,
    /// The pieces of a body, each sent on its own; `None` for a request without one.
    pub body: Option<Vec<Vec<u8>>>,
    /// Without a `content-length`, even where one would do.
    pub chunked: bool,
    /// Trailers; they make it chunked.
    pub trailers: Lines,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, target: impl Into<Vec<u8>>) -> Self {
        let (method, target) = (method.as_bytes().to_vec(), target.into());
        let headers = vec![(b"host".to_vec(), b"gateway.acme.example".to_vec())];
        Self { method, target, headers, body: None, chunked: false, trailers: Lines::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.as_bytes().to_vec(), value.into()));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name.as_bytes()));
        self
    }

    /// With that body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(vec![body.into()]), ..self }
    }

    /// With its body in chunks of that size and no length.
    #[must_use]
    pub fn in_chunks_of(mut self, size: usize) -> Self {
        let whole = self.body.unwrap_or_default().concat();
        self.body = Some(whole.chunks(size).map(<[u8]>::to_vec).collect());
        Self { chunked: true, ..self }
    }

    /// With a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// What goes over the wire, write by write.
    pub fn writes(&self) -> Vec<Vec<u8>> {
        let declared = |name: &str| wire::value(&self.headers, name).is_some();
        let framed = declared("content-length") || declared("transfer-encoding");
        let chunked = self.chunked || !self.trailers.is_empty();
        let mut head = [self.method.as_slice(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        for (name, value) in &self.headers {
            head.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
        }
        match &self.body {
            Some(_) if chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Some(body) if !framed => {
                let length: usize = body.iter().map(Vec::len).sum();
                head.extend(format!("content-length: {length}\r\n").into_bytes());
            }
            _ => {}
        }
        head.extend_from_slice(b"\r\n");
        let mut writes = vec![head];
        let pieces = self.body.iter().flatten();
        writes.extend(pieces.map(|piece| if chunked { chunk(piece) } else { piece.clone() }));
        if self.body.is_some() && chunked {
            writes.push(last_chunk(&self.trailers));
        }
        writes
    }
}

/// A response as the client got it.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its header lines.
    pub headers: Lines,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Lines,
    /// Whether it came to its end.
    pub whole: bool,
}

impl Response {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = wire::value(&self.headers, name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection to a gateway.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        Ok(Self { wire: Wire::connect(to, PATIENCE)? })
    }

    /// Over a connection that is there, such as one into a tunnel.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        Ok(Self { wire: Wire::new(stream, PATIENCE)? })
    }

    /// Sends a request. A gateway that has answered already may have closed: that is no error.
    pub fn send(&mut self, request: &Request) {
        for write in request.writes() {
            if self.send_bytes(&write).is_err() {
                return;
            }
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the gateway has closed the connection.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.send(bytes)
    }

    /// Reads the response to that request; one that is cut short is not `whole`.
    ///
    /// # Errors
    /// When not even its head comes.
    pub fn response(&mut self, request: &Request) -> io::Result<Response> {
        self.response_as_it_comes(request, |_| ())
    }

    /// The same; `each` hears of every piece of the body.
    ///
    /// # Errors
    /// When not even its head comes.
    pub fn response_as_it_comes(
        &mut self,
        request: &Request,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<Response> {
        loop {
            let head = self.wire.head(|| ())?;
            let head = head.ok_or_else(|| io::Error::other("closed without an answer"))?;
            let status = String::from_utf8_lossy(&head.word(1)).parse().unwrap_or_default();
            // An interim response (RFC 9110 §15.2).
            if status < 200 && status != 101 {
                continue;
            }
            let bodiless = request.method == b"HEAD" || matches!(status, 101 | 204 | 304);
            let mut body = Vec::new();
            let read = self.wire.body(head.framing_of_response(bodiless), |piece| {
                body.extend_from_slice(piece);
                each(piece);
            });
            let whole = read.is_ok();
            let trailers = read.unwrap_or_default();
            return Ok(Response { status, headers: head.headers, body, trailers, whole });
        }
    }
}
