//! Where in a JSON file a value is: engine problems name a JSON path, people look for a line.

/// The line, from 1, of what a path like `agents[3].owner` leads to in a text that is JSON; of the last
/// step that exists, if it leads nowhere.
pub(crate) fn line_of(text: &str, path: &str) -> usize {
    let mut at = Scanner { bytes: text.as_bytes(), at: 0 };
    at.blank();
    for step in steps(path) {
        let before = at.at;
        if at.enter(&step).is_none() {
            at.at = before;
            break;
        }
    }
    let before = at.bytes.get(..at.at).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

enum Step {
    Member(String),
    Element(usize),
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, rest) = part.split_once('[').unwrap_or((part, ""));
        if !name.is_empty() {
            steps.push(Step::Member(name.to_owned()));
        }
        let numbers = rest.split('[').filter_map(|n| n.trim_end_matches(']').parse().ok());
        steps.extend(numbers.map(Step::Element));
    }
    steps
}

/// Walks over a text that is known to be JSON.
struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Scanner<'_> {
    /// From the beginning of a value to that of one inside it.
    fn enter(&mut self, step: &Step) -> Option<()> {
        let mut left = match step {
            Step::Member(_) => self.expect(b'{').map(|()| 0)?,
            Step::Element(n) => self.expect(b'[').map(|()| *n)?,
        };
        loop {
            self.blank();
            if matches!(self.peek()?, b'}' | b']') {
                return None;
            }
            let found = match step {
                Step::Element(_) => left == 0,
                Step::Member(name) => {
                    let (from, to) = self.string()?;
                    self.blank();
                    self.expect(b':')?;
                    self.blank();
                    self.bytes.get(from..to)? == name.as_bytes()
                }
            };
            if found {
                return Some(());
            }
            left = left.saturating_sub(1);
            self.value()?;
            self.blank();
            if self.peek()? == b',' {
                self.step();
            }
        }
    }

    /// Over one value.
    fn value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.blank();
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth = depth.saturating_add(1);
                    self.step();
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.step();
                }
                b',' | b':' => {
                    self.step();
                    continue;
                }
                _ => {
                    while self.peek().is_some_and(|b| !b",:]}\"".contains(&b) && !is_blank(b)) {
                        self.step();
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Over a string; where its inside begins and ends, escapes as they are.
    fn string(&mut self) -> Option<(usize, usize)> {
        self.expect(b'"')?;
        let from = self.at;
        loop {
            match self.peek()? {
                b'\\' => self.step(),
                b'"' => break,
                _ => {}
            }
            self.step();
        }
        let to = self.at;
        self.step();
        Some((from, to))
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.step())
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.step();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_line() {
        let text = "[\n  { \"a\": [1, \"x]\\\"\", {}],\n    \"b\": 2 },\n  {\n    \"c\": {\n \"d\": true } }\n]";
        for (path, line) in [
            ("", 1),
            ("[0]", 2),
            ("[0].a", 2),
            ("[0].b", 3),
            ("[1]", 4),
            ("[1].c", 5),
            ("[1].c.d", 6),
            ("[1].nothing", 4),
            ("[7]", 1),
        ] {
            assert_eq!(line_of(text, path), line, "{path}");
        }
    }
}
