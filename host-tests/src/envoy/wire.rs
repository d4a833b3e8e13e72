//! HTTP/1.1 as bytes (RFC 9112): what was sent and what came, hostile bytes and all.
//!
//! Not here: rules. A malformed message is an error of the read, never corrected.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Header lines or trailers, as they were on the wire.
pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// A first line and the header lines under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Request line or status line.
    pub first: Vec<u8>,
    /// Header lines, in order.
    pub headers: Lines,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Bodiless,
    /// That many bytes.
    Length(usize),
    /// In chunks, perhaps with trailers.
    Chunked,
    /// Until the connection ends.
    UntilClose,
}

/// One connection, and what was read of it but not yet taken.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(to: SocketAddr, patience: Duration) -> io::Result<Self> {
        Self::new(TcpStream::connect_timeout(&to, patience)?, patience)
    }

    /// Over a connection that is there. Reads give up after `patience`.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn new(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        // Each write is a segment of its own, so that pieces arrive as pieces.
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the other side has gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads a head; `None` if the connection ended before it began. `first_byte` hears of the first
    /// byte of it.
    ///
    /// # Errors
    /// When the connection ends, or is silent, in the middle of it.
    pub fn head(&mut self, mut first_byte: impl FnMut()) -> io::Result<Option<Head>> {
        let mut told = false;
        loop {
            if !self.buffer.is_empty() && !told {
                first_byte();
                told = true;
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let bytes: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Ok(Some(Head::parse(&bytes[..end])));
            }
            if !self.fill()? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(cut()) };
            }
        }
    }

    /// Reads a body; `each` hears of every piece as it comes. Gives the trailers back.
    ///
    /// # Errors
    /// When the connection ends, or is silent, before the body does.
    pub fn body(&mut self, framing: Framing, mut each: impl FnMut(&[u8])) -> io::Result<Lines> {
        match framing {
            Framing::Bodiless => {}
            Framing::Length(length) => self.take(length, &mut each)?,
            Framing::Chunked => return self.chunks(&mut each),
            Framing::UntilClose => {
                while !self.buffer.is_empty() || self.fill()? {
                    each(&std::mem::take(&mut self.buffer));
                }
            }
        }
        Ok(Lines::new())
    }

    fn chunks(&mut self, each: &mut dyn FnMut(&[u8])) -> io::Result<Lines> {
        loop {
            let line = self.line()?;
            let size = String::from_utf8_lossy(&line);
            let size = size.split(';').next().unwrap_or_default().trim().to_owned();
            let size = usize::from_str_radix(&size, 16)
                .map_err(|_| io::Error::other(format!("no chunk size: {size:?}")))?;
            if size == 0 {
                return self.trailers();
            }
            self.take(size, each)?;
            self.line()?;
        }
    }

    fn trailers(&mut self) -> io::Result<Lines> {
        let mut trailers = Lines::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(trailers);
            }
            trailers.push(field(&line));
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.drain(..end + 2).take(end).collect();
                return Ok(line);
            }
            if !self.fill()? {
                return Err(cut());
            }
        }
    }

    fn take(&mut self, mut length: usize, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() && !self.fill()? {
                return Err(cut());
            }
            let piece: Vec<u8> = self.buffer.drain(..length.min(self.buffer.len())).collect();
            length -= piece.len();
            each(&piece);
        }
        Ok(())
    }

    /// Reads what there is; false at the end of the connection.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let size = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..size]);
        Ok(size > 0)
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let mut lines = Self::lines(bytes);
        let first = lines.next().unwrap_or_default().to_vec();
        Self { first, headers: lines.map(field).collect() }
    }

    fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// A word of the first line.
    pub fn word(&self, nth: usize) -> Vec<u8> {
        let word = self.first.splitn(3, |byte| *byte == b' ').nth(nth);
        word.unwrap_or_default().to_vec()
    }

    /// RFC 9112 §6.3, for a request.
    pub fn framing_of_request(&self) -> Framing {
        self.declared().unwrap_or(Framing::Bodiless)
    }

    /// RFC 9112 §6.3, for a response.
    pub fn framing_of_response(&self, bodiless: bool) -> Framing {
        if bodiless { Framing::Bodiless } else { self.declared().unwrap_or(Framing::UntilClose) }
    }

    fn declared(&self) -> Option<Framing> {
        if value(&self.headers, "transfer-encoding").is_some_and(|v| v.ends_with(b"chunked")) {
            return Some(Framing::Chunked);
        }
        let length = value(&self.headers, "content-length")?;
        std::str::from_utf8(length).ok()?.parse().ok().map(Framing::Length)
    }
}

/// The first value of a field.
pub fn value<'l>(lines: &'l Lines, name: &str) -> Option<&'l [u8]> {
    values(lines, name).next()
}

/// Every value of a field.
pub fn values<'l>(lines: &'l Lines, name: &str) -> impl Iterator<Item = &'l [u8]> {
    let named = move |line: &&(Vec<u8>, Vec<u8>)| line.0.eq_ignore_ascii_case(name.as_bytes());
    lines.iter().filter(named).map(|line| line.1.as_slice())
}

fn field(line: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default();
    (line[..colon].to_vec(), value.trim_ascii().to_vec())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended in the middle of a message")
}
