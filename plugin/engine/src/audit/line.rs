//! One line of JSON, written straight into a buffer: a receipt is read by others, never by us, so it
//! is not worth a tree of values.

/// An object under construction. Members that are unknown are left out.
pub(super) struct Line(Vec<u8>);

impl Line {
    /// An object of nothing yet.
    pub(super) fn new() -> Self {
        // About as long as a receipt is.
        let mut text = Vec::with_capacity(1024);
        text.push(b'{');
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
        self.0.extend_from_slice(value.to_string().as_bytes());
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
        self.0.push(b'}');
        // Made of strings and of this file's own ASCII.
        String::from_utf8(self.0).unwrap_or_default()
    }

    fn array<T>(&mut self, name: &'static str, all: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.name(name);
        self.0.push(b'[');
        for (nth, value) in all.iter().enumerate() {
            if nth > 0 {
                self.0.push(b',');
            }
            one(self, value);
        }
        self.0.push(b']');
    }

    fn braced(&mut self, members: impl FnOnce(&mut Self)) {
        self.0.push(b'{');
        members(self);
        self.0.push(b'}');
    }

    /// Names are ours and need no escape.
    fn name(&mut self, name: &'static str) {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn string(&mut self, text: &str) {
        // Nothing to escape is the rule: identities, digests, names.
        if text.bytes().all(|b| !b.is_ascii_control() && b != b'"' && b != b'\\') {
            self.0.push(b'"');
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
        } else {
            // Never fails: a buffer takes everything, and every string has a JSON form.
            let _written = serde_json::to_writer(&mut self.0, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
