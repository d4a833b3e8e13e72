//! The messages of an event stream (WHATWG HTML §9.2), one by one.
//!
//! Each event is read by the standard and written anew, so that the caller's parser sees what was
//! judged here, whatever it thinks of line ends, of a byte-order mark, of fields that the standard
//! ignores. Comments keep connections open and go on at once, without their text, which nobody has
//! judged. An event that the end of the body
//! cut off is judged like any other. After the first message that is withheld, nothing goes on.

use super::{Expected, Judge, Withheld};

/// An event stream so far.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The line under way, without its end.
    line: Vec<u8>,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    /// A line has been read: a byte-order mark is one no more.
    begun: bool,
    event: Event,
    closed: bool,
}

/// The fields of an event so far; of each but `data`, the last one counts.
#[derive(Debug, Default)]
struct Event {
    id: Option<String>,
    kind: Option<String>,
    retry: Option<String>,
    data: Option<Vec<u8>>,
    size: usize,
}

impl Stream {
    pub(super) fn push(
        &mut self,
        chunk: &[u8],
        end: bool,
        expected: &Expected,
        judge: &mut dyn Judge,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        if self.closed {
            return out;
        }
        let mut reader = Reader { stream: self, expected, judge, out: &mut out };
        let read = reader.chunk(chunk).and_then(|()| if end { reader.end() } else { Ok(()) });
        if let Err(why) = read {
            *self = Self { closed: true, ..Self::default() };
            out.extend(expected.refusal_event(why));
        }
        out
    }
}

/// One call of [`Stream::push`].
struct Reader<'a> {
    stream: &'a mut Stream,
    expected: &'a Expected,
    judge: &'a mut dyn Judge,
    out: &'a mut Vec<u8>,
}

impl Reader<'_> {
    fn chunk(&mut self, chunk: &[u8]) -> Result<(), Withheld> {
        for piece in chunk.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            let (text, line_end) = match piece.split_last() {
                Some((b'\n', text)) => (text, Some(b'\n')),
                Some((b'\r', text)) => (text, Some(b'\r')),
                _ => (piece, None),
            };
            let second_half = self.stream.after_cr && piece == b"\n";
            self.stream.after_cr = line_end == Some(b'\r');
            if second_half {
                continue;
            }
            self.room_for(text.len())?;
            self.stream.line.extend_from_slice(text);
            if line_end.is_some() {
                self.line()?;
            }
        }
        Ok(())
    }

    /// A client drops an event that has no blank line after it; one that does not would see it.
    fn end(&mut self) -> Result<(), Withheld> {
        if !self.stream.line.is_empty() {
            self.line()?;
        }
        if self.stream.event.data.is_some() { self.dispatch() } else { Ok(()) }
    }

    fn room_for(&self, more: usize) -> Result<(), Withheld> {
        let used = self.stream.line.len().saturating_add(self.stream.event.size);
        let left = self.expected.limit.saturating_sub(used);
        if more > left { Err(Withheld::TooLong) } else { Ok(()) }
    }

    fn line(&mut self) -> Result<(), Withheld> {
        let line = std::mem::take(&mut self.stream.line);
        let mut text = line.as_slice();
        if !std::mem::replace(&mut self.stream.begun, true) {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        match text.split_first() {
            None => return self.dispatch(),
            Some((b':', _)) => self.out.extend_from_slice(b":\n"),
            Some(_) => self.stream.event.field(text),
        }
        Ok(())
    }

    /// A blank line: the event is complete.
    fn dispatch(&mut self) -> Result<(), Withheld> {
        let event = std::mem::take(&mut self.stream.event);
        let data = match event.data.as_deref() {
            // The empty event with which a server of 2025-11-25 names its stream.
            Some([]) => Some(Vec::new()),
            Some(data) => match self.expected.judged(data, self.judge) {
                Ok(data) => Some(data),
                // What nobody waits for can be left out; a request would wait for ever.
                Err(Withheld::ServerRequest) if self.expected.answers.to.is_empty() => {
                    self.out.extend_from_slice(b":\n");
                    return Ok(());
                }
                Err(why) => return Err(why),
            },
            None => None,
        };
        let id = event.id.as_deref().and_then(|id| self.judge.event_id(id));
        for (name, value) in [("id", &id), ("event", &event.kind), ("retry", &event.retry)] {
            if let Some(value) = value {
                self.out.extend_from_slice(format!("{name}: {value}\n").as_bytes());
            }
        }
        if let Some(data) = data {
            write_data(&data, self.out);
        }
        self.out.push(b'\n');
        Ok(())
    }
}

impl Event {
    fn field(&mut self, line: &[u8]) {
        self.size = self.size.saturating_add(line.len());
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        // Undecodable text in any other field says nothing that anybody would need.
        let text =
            || std::str::from_utf8(value).ok().filter(|t| !t.contains('\0')).map(str::to_owned);
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"id" => self.id = text().or(self.id.take()),
            b"event" => self.kind = text().or(self.kind.take()),
            b"retry" if value.iter().all(u8::is_ascii_digit) => self.retry = text(),
            _ => {}
        }
    }
}

fn write_data(data: &[u8], out: &mut Vec<u8>) {
    for line in data.split(|b| *b == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}
