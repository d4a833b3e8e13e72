//! What a parser that is sloppy about member names would take for the same name.

use std::collections::BTreeSet;

use unicase::UniCase;

use super::Fault;

/// The member names of one object so far.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Takes in one more, unless some parser would take it for one that is there already.
    pub(super) fn admit(&mut self, name: &str) -> Result<(), Fault> {
        let folded = match is_plain(name) {
            true => name.to_ascii_lowercase(),
            false if name.contains(char::is_control) => return Err(Fault::Control),
            false => fold(name),
        };
        if self.0.insert(folded) { Ok(()) } else { Err(Fault::Duplicate) }
    }
}

/// Whether `name` is not the member `of`, but some parser would take it for that.
pub(crate) fn is_alias(name: &str, of: &str) -> bool {
    if is_plain(name) && is_plain(of) {
        return name != of && name.eq_ignore_ascii_case(of);
    }
    name != of && fold(name) == fold(of)
}

/// The name with case, white space at the ends and invisible characters taken away: two members
/// whose folded names are equal are one member to some parser (Go's `encoding/json` ignores case,
/// CVE-2026-27896; its fix was bypassed with NUL, GHSA-q382).
fn fold(name: &str) -> String {
    let visible: String = name.trim().chars().filter(|c| !invisible(*c)).collect();
    UniCase::unicode(visible).to_folded_case()
}

/// Most names are plain: nothing to take away, and only ASCII letters to fold.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic())
}

/// Unicode's default-ignorable code points that occur in practice, and control characters.
fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_parser_confuses_fold_to_one() {
        // U+017F long s, U+212A Kelvin sign: Go's EqualFold takes them for s and k.
        let same = [
            ("method", "Method"),
            ("method", "METHOD"),
            ("params", "param\u{17f}"),
            ("key", "\u{212a}ey"),
            ("method", "method\u{200b}"),
            ("method", "method "),
            ("method", "\u{feff}method"),
        ];
        for (a, b) in same {
            assert_eq!(fold(a), fold(b), "{a:?} {b:?}");
        }
        assert_ne!(fold("id"), fold("ids"));
        assert!(
            is_alias("Tools", "tools") && !is_alias("tools", "tools") && !is_alias("tool", "tools")
        );
    }

    #[test]
    fn a_plain_name_folds_like_any_other() {
        let all: String = ('!'..='~').collect();
        for name in ["method", "io.modelcontextprotocol/protocolVersion", "_meta", "$ref", &all] {
            assert!(is_plain(name));
            assert_eq!(fold(name), name.to_ascii_lowercase());
            assert!(is_alias(&name.to_ascii_uppercase(), name) && !is_alias(name, name));
        }
        assert!(!is_plain("naïve") && !is_plain("a b") && !is_plain("a\u{7f}"));
    }
}
