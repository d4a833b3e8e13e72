//! Where a text nests deeper than Cedar survives, found before Cedar sees it.
//!
//! Cedar's parser and evaluator recurse, and on wasm32 their own guard does nothing (threats F8): with
//! a stack of 1 MiB 100 parentheses parse and 110 trap, so do 90 and 100 nested `if`, and a chain of
//! 300 `||` traps when it is evaluated. A trap ends the worker. So every way to nest is counted here,
//! up to the next `;`: brackets, signs before an operand, operators that chain, conditions of one
//! policy, and what is reached through one value by `.`, `[…]` and `(…)`.
//!
//! Strings and comments are skipped as Cedar's own lexer does. Not here: whether the text is a policy.

/// The offset at which the text has become too deep. `angles`: whether `<` and `>` are brackets, as in a
/// schema, or comparisons.
pub(super) fn too_deep(text: &str, angles: bool) -> Option<usize> {
    let mut scan = Scan { angles, ..Scan::default() };
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                skip_string(&mut characters);
                scan.operand();
            }
            '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                while characters.next_if(|(_, c)| !matches!(c, '\n' | '\r')).is_some() {}
            }
            _ => scan.character(c),
        }
        if scan.is_too_deep() {
            return Some(at);
        }
    }
    None
}

/// To the closing quote. A backslash takes the next character with it.
fn skip_string(characters: &mut impl Iterator<Item = (usize, char)>) {
    while let Some((_, c)) = characters.next() {
        match c {
            '"' => return,
            '\\' => drop(characters.next()),
            _ => {}
        }
    }
}

/// How deep the text is at one place.
#[derive(Default)]
struct Scan {
    angles: bool,
    /// What surrounds this place, outermost first.
    around: Vec<Reach>,
    here: Reach,
    signs: usize,
    /// Operators, conditions and `if` of this policy, by weight.
    chained: usize,
    /// The word that ends here.
    word: Word,
    /// Whether an operand ends here, so that `-` is an operator and `[` an access.
    after_operand: bool,
}

/// How far one value is reached into.
#[derive(Clone, Copy, Default)]
struct Reach {
    now: usize,
    deepest: usize,
}

/// Whether the characters just before are the word `if`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Word {
    #[default]
    None,
    I,
    If,
    Other,
}

impl Scan {
    fn character(&mut self, c: char) {
        if c.is_whitespace() {
            return self.end_of_word();
        }
        if c.is_alphanumeric() || c == '_' {
            self.word = self.word.and(c);
            return self.operand();
        }
        self.end_of_word();
        let sign = matches!(c, '!' | '-') && !self.after_operand;
        self.signs = if sign { self.signs.saturating_add(1) } else { 0 };
        match c {
            '.' => self.here.now = self.here.now.saturating_add(1),
            '<' | '>' if !self.angles => self.here.end(),
            '(' | '[' | '{' | '<' => self.open(),
            ')' | ']' | '}' | '>' => return self.close(c),
            ';' => (self.chained, self.here) = (0, Reach::default()),
            // Of `&&` and `||`, both characters count.
            '&' | '|' => self.operator(1),
            '+' | '*' => self.operator(2),
            '-' if !sign => self.operator(2),
            ',' | '=' | '!' | '-' | '%' | '/' => self.here.end(),
            _ => {}
        }
        self.after_operand = false;
    }

    fn operand(&mut self) {
        self.signs = 0;
        self.after_operand = true;
    }

    fn end_of_word(&mut self) {
        if std::mem::take(&mut self.word) == Word::If {
            self.chained = self.chained.saturating_add(4);
            self.after_operand = false;
        }
    }

    fn operator(&mut self, weight: usize) {
        self.chained = self.chained.saturating_add(weight);
        self.here.end();
    }

    fn open(&mut self) {
        self.around.push(std::mem::take(&mut self.here));
    }

    fn close(&mut self, bracket: char) {
        let inner = self.here.deepest();
        self.here = self.around.pop().unwrap_or_default();
        self.here.now = self.here.now.max(inner).saturating_add(1);
        // The conditions of a policy are chained by `&&`.
        if bracket == '}' && self.around.is_empty() {
            self.operator(2);
        }
        self.operand();
    }

    fn is_too_deep(&self) -> bool {
        self.around.len() > MAX_BRACKETS
            || self.signs > MAX_SIGNS
            || self.chained > MAX_CHAINED
            || self.here.now > MAX_REACH
    }
}

impl Reach {
    fn end(&mut self) {
        self.deepest = self.deepest();
        self.now = 0;
    }

    fn deepest(self) -> usize {
        self.deepest.max(self.now)
    }
}

impl Word {
    fn and(self, c: char) -> Self {
        match (self, c) {
            (Self::None, 'i') => Self::I,
            (Self::I, 'f') => Self::If,
            _ => Self::Other,
        }
    }
}

pub(super) const TOO_DEEP: &str = "is nested too deeply: at most 48 brackets, 48 `if`, 100 operators, \
     or 64 steps into one value, in one policy";
/// Half of what the parser survives, whatever stands around it.
const MAX_BRACKETS: usize = 48;
/// One hundred operators of two, and a condition.
const MAX_CHAINED: usize = 202;
/// As `!!!true`: each is a call of the parser.
const MAX_SIGNS: usize = 48;
/// With the operators around it, two thirds of what the evaluator survives.
const MAX_REACH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str) -> bool {
        too_deep(text, false).is_some()
    }

    #[test]
    fn every_way_to_nest_is_counted() {
        let many = |one: &str| format!("1{}", one.repeat(120));
        for one in [
            " - 1",
            " + 1",
            " * 1",
            " && 1",
            " || 1",
            ".x",
            "[\"x\"]",
            ".f(1)",
            ".f(1, 2)",
            "[1 == 1]",
            " . x",
            "\n[ \"x\" ]",
            "} when { 1",
            ".f(1 - 1)",
        ] {
            assert!(deep(&many(one)), "{one}");
            assert!(!deep(&format!("1{}", one.repeat(9))), "{one}");
        }
        for around in
            [("(", ")"), ("[", "]"), ("{a: ", "}"), ("f(", ")"), ("if true then true else ", "")]
        {
            assert!(
                deep(&format!("{}1{}", around.0.repeat(60), around.1.repeat(60))),
                "{around:?}"
            );
        }
        assert!(deep(&"!".repeat(60)) && deep(&"- ".repeat(60)));
    }

    #[test]
    fn a_value_is_reached_into_across_brackets() {
        let inner = (0..8).fold("x".to_owned(), |inner, _| format!("({inner}{})", ".a".repeat(10)));
        assert!(deep(&inner));
    }

    #[test]
    fn what_stands_side_by_side_is_not_deep() {
        let set = format!("[{}]", vec!["a.b.c - 1"; 90].join(", "));
        assert!(!deep(&set), "within the operators of one policy");
        let policies =
            "permit (principal, action, resource) when { a.b.c - 1 == 2 };\n".repeat(500);
        assert!(!deep(&policies));
        assert!(!deep(&format!("[{}]", vec!["\"x\""; 5000].join(", "))));
    }

    #[test]
    fn texts_and_comments_are_none_of_it() {
        assert!(!deep(&format!(
            "// {}\n\"{}\" == \"\\\"{}\"",
            "((--a.b".repeat(90),
            "[.-".repeat(90),
            "(".repeat(90)
        )));
        assert!(deep(&format!("// \" \r{}", "(".repeat(60))), "a return ends a comment as well");
        assert!(deep(&format!("\"//\" {}", "(".repeat(60))), "no comment begins in a text");
        assert!(deep(&format!("\"\\\\\" {}", "(".repeat(60))), "a backslash of its own");
    }
}
