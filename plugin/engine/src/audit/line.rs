//! One line of JSON, written straight into a buffer: a receipt is read by others, never by us, so it
//! is not worth a tree of values.

/// An object under construction. Members that are unknown are left out.
pub(super) struct Line(String);

impl Line {
    /// An object of nothing yet.
    pub(super) fn new() -> Self {
        // About as long as a receipt is.
        let mut text = String::with_capacity(1024);
        text.push('{');
        Self(text)
    }

    pub(super) fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            self.string(value);
        }
    }

    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.0.push_str(&value.to_string());
    }

    pub(super) fn texts(&mut self, name: &'static str, values: Option<&[String]>) {
        if let Some(values) = values {
            self.array(name, values, |to, value| to.string(value));
        }
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, name: &'static str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braced(members);
    }

    /// A member that is an array of objects, if there are any.
    pub(super) fn objects<T>(
        &mut self,
        name: &'static str,
        all: &[T],
        members: impl Fn(&T, &mut Self),
    ) {
        if !all.is_empty() {
            self.array(name, all, |to, one| to.braced(|to| members(one, to)));
        }
    }

    /// The whole object, as text.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn array<T>(&mut self, name: &'static str, all: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.name(name);
        self.0.push('[');
        for (nth, value) in all.iter().enumerate() {
            if nth > 0 {
                self.0.push(',');
            }
            one(self, value);
        }
        self.0.push(']');
    }

    fn braced(&mut self, members: impl FnOnce(&mut Self)) {
        self.0.push('{');
        members(self);
        self.0.push('}');
    }

    /// Names are ours and need no escape.
    fn name(&mut self, name: &'static str) {
        self.0.push_str(if self.0.ends_with('{') { "\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn string(&mut self, text: &str) {
        // Nothing to escape is the rule: identities, digests, names.
        if is_plain(text.as_bytes()) {
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        } else {
            // Never fails: every string has a JSON form.
            self.0.push_str(&serde_json::to_string(text).unwrap_or_default());
        }
    }
}

/// Whether a JSON string may hold all of it as it is (RFC 8259 §7): no quote, no backslash, nothing below
/// a space. Eight bytes at a time, as receipts are mostly such text; where a borrow makes it see one too
/// many, the text is written the slow way, to the same end.
fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<8>();
    chunks.iter().all(|chunk| !has_special(u64::from_le_bytes(*chunk)))
        && rest.iter().all(|b| *b >= b' ' && !matches!(b, b'"' | b'\\'))
}

fn has_special(bytes: u64) -> bool {
    let below =
        |bytes: u64, least: u8| bytes.wrapping_sub(ONES.wrapping_mul(least.into())) & !bytes;
    let is = |byte: u8| below(bytes ^ ONES.wrapping_mul(byte.into()), 1);
    (below(bytes, b' ') | is(b'"') | is(b'\\')) & HIGHS != 0
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_as_it_is_needed_no_escape(text in "[ -~é\u{0}-\u{1f}\u{7f}]{0,24}") {
            let mut line = Line::new();
            line.text("t", Some(&text));
            let written = line.finish();
            prop_assert_eq!(&written, &format!("{{\"t\":{}}}", serde_json::json!(text)));
            let special = text.bytes().any(|b| b < b' ' || matches!(b, b'"' | b'\\'));
            prop_assert!(!(special && is_plain(text.as_bytes())));
        }
    }

    #[test]
    fn what_is_written_is_json_whatever_the_values_hold() {
        let mut line = Line::new();
        line.number("v", 1);
        line.text("nothing", None);
        line.text("text", Some("a\"b\\c\u{1}\n\u{7f}é{"));
        line.object("empty", |_| {});
        line.object("in", |to| to.texts("all", Some(&["{".to_owned(), String::new()])));
        line.objects("none", &[(); 0], |(), _| {});
        line.objects("two", &[1, 2], |n, to| to.number("n", *n));
        let text = line.finish();
        let expected = serde_json::json!({
            "v": 1, "text": "a\"b\\c\u{1}\n\u{7f}é{", "empty": {}, "in": {"all": ["{", ""]},
            "two": [{"n": 1}, {"n": 2}],
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected, "{text}");
    }
}
