//! Where the next policy of a text is, without parsing it: up to the next `;` that is in no string and no
//! comment, as Cedar's own lexer has them.

/// A policy and its `;`, or what is left of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its first character, after white space and comments.
    pub(super) start: usize,
    pub(super) end: usize,
    /// There is nothing but white space and comments.
    pub(super) is_blank: bool,
}

impl Statement {
    /// The one that begins at that byte of the text, or after it.
    pub(super) fn at(text: &str, from: usize) -> Self {
        let mut start = None;
        let mut characters = text.get(from..).unwrap_or_default().char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            match c {
                '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                    while characters.next_if(|(_, c)| !matches!(c, '\n' | '\r')).is_some() {}
                    continue;
                }
                '"' => {
                    // A backslash takes the next character with it.
                    while let Some((_, c)) = characters.next() {
                        match c {
                            '"' => break,
                            '\\' => drop(characters.next()),
                            _ => {}
                        }
                    }
                }
                _ if c.is_whitespace() => continue,
                _ => {}
            }
            let start = *start.get_or_insert(at);
            if c == ';' {
                let end = at.saturating_add(1);
                return Self {
                    start: from.saturating_add(start),
                    end: from.saturating_add(end),
                    is_blank: false,
                };
            }
        }
        let (is_blank, start) = (start.is_none(), start.unwrap_or_default());
        Self { start: from.saturating_add(start), end: text.len(), is_blank }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let (mut at, mut found) = (0, Vec::new());
        loop {
            let statement = Statement::at(text, at);
            if statement.is_blank {
                return found;
            }
            found.push(text.get(statement.start..statement.end).unwrap());
            at = statement.end;
        }
    }

    #[test]
    fn a_statement_ends_with_its_own_semicolon() {
        assert_eq!(all("a; b ;\n c"), ["a;", "b ;", "c"]);
        assert_eq!(all(""), [""; 0]);
        assert_eq!(all(" // a;\n"), [""; 0]);
        assert_eq!(all("// a;\nb // ;\r;c;"), ["b // ;\r;", "c;"]);
        assert_eq!(all(r#"a "//;" ; b "\";" ; "#), [r#"a "//;" ;"#, r#"b "\";" ;"#]);
        assert_eq!(all(r#"a "\\"; b"#), [r#"a "\\";"#, "b"]);
        assert_eq!(all("a \"; b"), ["a \"; b"]);
        assert_eq!(all("ä; ö;"), ["ä;", "ö;"]);
    }
}
