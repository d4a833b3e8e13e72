//! A long document, read piece by piece: the members of its top, and the elements of those that are arrays.
//!
//! A host must not be kept waiting while a document of megabytes is read, so whoever reads one stops between
//! two pieces. Where a piece ends `serde_json` says; what is in it goes through the one strict reader, and the
//! limits are those of the whole document; who goes back to a clone begins to count anew from there.

use std::ops::Range;

use serde_json::value::RawValue;

use super::fold::Names;
use super::reader::{Fault, Limits, Malformed, read_counted};
use super::value::Value;

/// How far a document has been read. The text is handed in with each call, and is the same each time.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    at: usize,
    place: Place,
    /// Of the members so far.
    names: Vec<String>,
    limits: Limits,
}

/// What comes next in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A member whose value is no array.
    Member(String, Range<usize>),
    /// The elements of this member follow.
    Array(String),
    /// An element of the array that began last.
    Element(Range<usize>),
    /// That array is over.
    ArrayEnd,
    /// The document is over.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Member,
    FirstElement,
    Element,
    End,
}

impl Pieces {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { at: 0, place: Place::Start, names: Vec::new(), limits: *limits }
    }

    /// The next piece, its syntax sound and no other rule applied to it.
    pub(crate) fn next(&mut self, text: &[u8]) -> Result<Piece, Malformed> {
        match self.place {
            Place::Start => {
                if text.len() > self.limits.bytes {
                    return Err(Malformed::whole(Fault::Bytes));
                }
                self.expect(text, b'{')?;
                if self.next_is(text, b'}') {
                    return self.end(text);
                }
                self.member(text)
            }
            Place::Member => self.member(text),
            Place::FirstElement | Place::Element => self.element(text),
            Place::End => self.end(text),
        }
    }

    /// A piece, read strictly. Each is to be read once: it is counted.
    pub(crate) fn value(&mut self, text: &[u8], piece: Range<usize>) -> Result<Value, Malformed> {
        let within = if self.place == Place::Element { 2 } else { 1 };
        let depth = self.limits.depth.saturating_sub(within);
        let limits = Limits { depth, ..self.limits };
        let start = piece.start;
        let read = read_counted(text.get(piece).unwrap_or_default(), &limits);
        let (value, items) = read.map_err(|malformed| placed(text, start, malformed))?;
        self.spend(text, items)?;
        Ok(value)
    }

    fn member(&mut self, text: &[u8]) -> Result<Piece, Malformed> {
        let at = self.raw(text)?;
        self.spend(text, 1)?;
        let start = at.start;
        let Value::String(name) = self.value(text, at)? else { return Err(self.syntax(text)) };
        let mut names = Names::default();
        for (before, other) in self.names.iter().enumerate() {
            let before = self.names.iter().take(before).map(String::as_str);
            let admitted = names.admit(other, before);
            admitted.map_err(|fault| faulty(text, start, fault))?;
        }
        let before = self.names.iter().map(String::as_str);
        names.admit(&name, before).map_err(|fault| faulty(text, start, fault))?;
        self.names.push(name.clone());
        self.expect(text, b':')?;
        if self.next_is(text, b'[') {
            self.place = Place::FirstElement;
            return Ok(Piece::Array(name));
        }
        let value = self.raw(text)?;
        self.after_member(text)?;
        Ok(Piece::Member(name, value))
    }

    fn element(&mut self, text: &[u8]) -> Result<Piece, Malformed> {
        if self.next_is(text, b']') {
            return self.array_end(text);
        }
        if self.place == Place::Element {
            self.expect(text, b',')?;
        }
        self.place = Place::Element;
        self.spend(text, 1)?;
        self.raw(text).map(Piece::Element)
    }

    fn array_end(&mut self, text: &[u8]) -> Result<Piece, Malformed> {
        self.after_member(text)?;
        Ok(Piece::ArrayEnd)
    }

    fn after_member(&mut self, text: &[u8]) -> Result<(), Malformed> {
        if self.next_is(text, b'}') {
            self.place = Place::End;
            return Ok(());
        }
        self.place = Place::Member;
        self.expect(text, b',')
    }

    fn end(&mut self, text: &[u8]) -> Result<Piece, Malformed> {
        self.place = Place::End;
        self.blank(text);
        if self.at < text.len() { Err(self.syntax(text)) } else { Ok(Piece::End) }
    }

    /// Where the value that begins here is.
    fn raw(&mut self, text: &[u8]) -> Result<Range<usize>, Malformed> {
        self.blank(text);
        let rest = text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
        if !matches!(values.next(), Some(Ok(_))) {
            return Err(self.syntax(text));
        }
        let start = self.at;
        self.at = start.saturating_add(values.byte_offset());
        Ok(start..self.at)
    }

    fn expect(&mut self, text: &[u8], byte: u8) -> Result<(), Malformed> {
        if self.next_is(text, byte) { Ok(()) } else { Err(self.syntax(text)) }
    }

    /// Goes past that byte, if it comes next.
    fn next_is(&mut self, text: &[u8], byte: u8) -> bool {
        self.blank(text);
        let is = text.get(self.at) == Some(&byte);
        self.at = self.at.saturating_add(is.into());
        is
    }

    /// Goes past white space (RFC 8259 §2).
    fn blank(&mut self, text: &[u8]) {
        let rest = text.get(self.at..).unwrap_or_default();
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at = self.at.saturating_add(rest.iter().take_while(blank).count());
    }

    fn spend(&mut self, text: &[u8], items: usize) -> Result<(), Malformed> {
        match self.limits.items.checked_sub(items) {
            Some(left) => self.limits.items = left,
            None => return Err(faulty(text, self.at, Fault::Items)),
        }
        Ok(())
    }

    fn syntax(&self, text: &[u8]) -> Malformed {
        faulty(text, self.at, Fault::Syntax)
    }
}

/// The text of the value that a text begins with.
pub(crate) fn first(text: &[u8]) -> Option<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    Some(values.next()?.ok()?.get().as_bytes())
}

/// A fault at that byte.
fn faulty(text: &[u8], at: usize, fault: Fault) -> Malformed {
    placed(text, at, Malformed { fault, line: 1, column: 1 })
}

/// A fault of a part that begins at that byte, as one of the whole. The text before is looked through only
/// then.
fn placed(text: &[u8], start: usize, of_part: Malformed) -> Malformed {
    let before = text.get(..start).unwrap_or(text);
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    let last = before.iter().rev().take_while(|byte| **byte != b'\n').count();
    let column = if of_part.line <= 1 { last } else { 0 };
    Malformed {
        fault: of_part.fault,
        line: of_part.line.saturating_add(lines),
        column: of_part.column.saturating_add(column),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::reader::read;
    use super::super::value::Object;
    use super::*;

    const LIMITS: Limits = Limits { bytes: 4096, depth: 6, items: 40 };

    /// All pieces, put together.
    fn whole(text: &[u8]) -> Result<Value, Malformed> {
        let mut pieces = Pieces::new(&LIMITS);
        let mut members: Vec<(String, Value)> = Vec::new();
        loop {
            match pieces.next(text)? {
                Piece::Member(name, at) => members.push((name, pieces.value(text, at)?)),
                Piece::Array(name) => members.push((name, Value::Array(Vec::new()))),
                Piece::Element(at) => {
                    let value = pieces.value(text, at)?;
                    if let Some((_, Value::Array(items))) = members.last_mut() {
                        items.push(value);
                    }
                }
                Piece::ArrayEnd => {}
                Piece::End => return Ok(Value::Object(Object(members))),
            }
        }
    }

    #[test]
    fn the_pieces_of_a_document_are_the_document() {
        for text in [
            "{}",
            " { } ",
            "{\"a\":1}",
            "{\"a\" : [ ] , \"b\" : [1,[2], {\"c\":[3]}], \"d\":{\"e\":[]}}\n",
            "{\"a\":\"[,]\",\"b\":[\"]\",\"\\\"\"]}",
        ] {
            assert_eq!(whole(text.as_bytes()), read(text.as_bytes(), &LIMITS), "{text}");
        }
    }

    #[test]
    fn what_the_reader_refuses_is_refused_in_pieces_at_the_same_place() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":[1,]}",
            "{\"a\":[,1]}",
            "{\"a\":[1 2]}",
            "{\"a\":[1}",
            "{\"a\":1}x",
            "{\"a\":1} {}",
            "{1:2}",
            "{\"a\":[1]]}",
            "{\"a\":[01]}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":[\"\\u0000\"]}",
            "{\"a\":1,\"A\":2}",
            "{\"a\":[{\"b\":1,\"B\":2}]}",
            "{\"a\":[9007199254740992]}",
            "{\"a\":[[[[[[1]]]]]]}",
            "{\"a\":[true false]}",
            "\u{feff}{}",
            "{\"a\":[\"\\ud800\"]}",
        ] {
            let (pieces, at_once) = (whole(text.as_bytes()), read(text.as_bytes(), &LIMITS));
            let fault = |read: Result<Value, Malformed>| read.map_err(|malformed| malformed.fault);
            assert_eq!(fault(pieces), fault(at_once), "{text}");
        }
        assert!(whole(b"[]").is_err());
        let second = "{\"a\":[1,\n  {\"b\":1,\n\"B\":2}]}";
        assert_eq!(whole(second.as_bytes()).unwrap_err().line, 3);
        let long = format!("{{\"a\":[{}1]}}", "1,".repeat(40));
        assert_eq!(whole(long.as_bytes()).unwrap_err().fault, Fault::Items);
    }

    proptest! {
        #[test]
        fn pieces_and_the_reader_agree_on_any_text(
            text in "\\{?(\"[a-cA-C]\" ?: ?(\\[?[0-9\"ab,\\[\\]\\{\\}: ]{0,8}\\]?),? ?){0,3}\\}?",
        ) {
            let (pieces, at_once) = (whole(text.as_bytes()), read(text.as_bytes(), &LIMITS));
            let object = at_once.ok().filter(|value| value.as_object().is_some());
            prop_assert_eq!(pieces.ok(), object);
        }
    }
}
