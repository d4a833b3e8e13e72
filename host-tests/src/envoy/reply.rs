//! What a scripted server answers.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::wire::{self, Head, Lines, Wire};

/// What comes back for a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A response.
    Answer(Answer),
    /// The connection is closed without one.
    Reset,
    /// Nothing, for as long as the other side waits.
    Silence,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers. Without a `content-length` here the body is framed as it needs to be.
    pub headers: Lines,
    /// Its body.
    pub body: Body,
    /// Trailers; they make the body chunked.
    pub trailers: Lines,
}

/// The body of a response.
#[derive(Clone, Debug)]
pub enum Body {
    /// These pieces, each sent on its own.
    Pieces(Vec<Vec<u8>>),
    /// Pieces as they are handed in, until their sender is dropped.
    Live(Arc<Mutex<Receiver<Vec<u8>>>>),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl Answer {
    /// 200 with a body of that type.
    pub fn ok(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![(b"content-type".to_vec(), media_type.as_bytes().to_vec())];
        let body = Body::Pieces(vec![body.into()]);
        Self { status: 200, headers, body, trailers: Lines::new() }
    }

    /// 200 with JSON.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::ok("application/json", body.to_string())
    }

    /// 200 with a body that a test hands in piece by piece.
    pub fn live(media_type: &str) -> (Self, Sender<Vec<u8>>) {
        let (sender, receiver) = channel();
        let body = Body::Live(Arc::new(Mutex::new(receiver)));
        (Self { body, ..Self::ok(media_type, "") }, sender)
    }

    /// With another status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With that trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// With the body in pieces of that size.
    #[must_use]
    pub fn in_pieces_of(mut self, size: usize) -> Self {
        if let Body::Pieces(pieces) = &self.body {
            let cut = pieces.concat().chunks(size).map(<[u8]>::to_vec).collect();
            self.body = Body::Pieces(cut);
        }
        self
    }

    pub(super) fn send(&self, wire: &mut Wire, request: &Head) -> io::Result<()> {
        let bodiless = request.word(0) == b"HEAD" || matches!(self.status, 101 | 204 | 304);
        let sized = wire::value(&self.headers, "content-length").is_some();
        let mut head = format!("HTTP/1.1 {} -\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
        }
        match &self.body {
            _ if bodiless || sized => {}
            Body::Pieces(pieces) if pieces.len() <= 1 && self.trailers.is_empty() => {
                let length: usize = pieces.iter().map(Vec::len).sum();
                head.extend(format!("content-length: {length}\r\n").into_bytes());
                wire.send(&[head.as_slice(), b"\r\n"].concat())?;
                return wire.send(&pieces.concat());
            }
            _ => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        wire.send(&[head.as_slice(), b"\r\n"].concat())?;
        if bodiless {
            return Ok(());
        }
        self.each_piece(|piece| match sized {
            true => wire.send(piece),
            false => wire.send(&chunk(piece)),
        })?;
        if sized { Ok(()) } else { wire.send(&last_chunk(&self.trailers)) }
    }

    fn each_piece(&self, mut send: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.body {
            Body::Pieces(pieces) => pieces.iter().try_for_each(|piece| send(piece)),
            Body::Live(pieces) => {
                let pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
                pieces.iter().try_for_each(|piece| send(&piece))
            }
        }
    }
}

/// RFC 9112 §7.1. An empty chunk would be the last one.
pub(super) fn chunk(piece: &[u8]) -> Vec<u8> {
    if piece.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

pub(super) fn last_chunk(trailers: &Lines) -> Vec<u8> {
    let mut last = b"0\r\n".to_vec();
    for (name, value) in trailers {
        last.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    last.extend_from_slice(b"\r\n");
    last
}
