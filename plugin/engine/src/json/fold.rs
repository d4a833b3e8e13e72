//! What a parser that is sloppy about member names would take for the same name.

use std::collections::BTreeSet;

use unicase::UniCase;

use super::Fault;

/// The member names of one object so far, once they are many or not all plain. Most objects have a few
/// plain ones, and those need no copies to be compared.
#[derive(Default)]
pub(super) struct Names(Option<BTreeSet<String>>);

impl Names {
    /// Takes in one more, unless some parser would take it for one of those `before` it, which are all
    /// that were admitted.
    pub(super) fn admit<'n>(
        &mut self,
        name: &str,
        mut before: impl ExactSizeIterator<Item = &'n str>,
    ) -> Result<(), Fault> {
        let plain = is_plain(name);
        if !plain && name.contains(char::is_control) {
            return Err(Fault::Control);
        }
        if self.0.is_none() && plain && before.len() < FEW {
            let twin = before.any(|other| other.eq_ignore_ascii_case(name));
            return if twin { Err(Fault::Duplicate) } else { Ok(()) };
        }
        let folded = self.0.get_or_insert_with(|| {
            // As `model::sorted` does.
            let mut names = BTreeSet::new();
            names.extend(before.map(str::to_ascii_lowercase));
            names
        });
        let new = folded.insert(if plain { name.to_ascii_lowercase() } else { fold(name) });
        if new { Ok(()) } else { Err(Fault::Duplicate) }
    }
}

/// Names of one object that are compared one by one.
const FEW: usize = 16;

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
    fn a_twin_is_found_among_few_names_and_among_many() {
        let names: Vec<String> = (0..40).map(|n| format!("name{n}")).collect();
        for (at, twin) in names.iter().enumerate() {
            for later in at..names.len() {
                for spelt in [twin.to_ascii_uppercase(), format!("{twin}\u{200b}")] {
                    let mut admitted = Names::default();
                    let mut all: Vec<&str> =
                        names.iter().take(later + 1).map(String::as_str).collect();
                    all.push(&spelt);
                    let mut each = all
                        .iter()
                        .enumerate()
                        .map(|(i, name)| admitted.admit(name, all.iter().take(i).copied()));
                    assert_eq!(each.position(|one| one == Err(Fault::Duplicate)), Some(later + 1));
                }
            }
        }
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
