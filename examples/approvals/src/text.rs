//! A text cut into pieces that a person can't mistake: what looks like nothing is named, what looks like
//! something else is pointed out.
//!
//! An agent writes most of what an approver reads. Unicode has characters that hide, reorder or imitate
//! (UAX #9, UTS #39, "Trojan Source"); RFC 8785 hashes them as they are, so they are shown as they are. Not
//! here: HTML.

use unicode_general_category::{GeneralCategory as Category, get_general_category};
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::MixedScript as _;

/// What kind of text it is: names are ASCII by custom, contents are in any language.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Content,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands.
    Plain(String),
    /// A character that can't be seen, or moves others: its code point, and what it is.
    Hidden(char, &'static str),
    /// A character that passes for another.
    Foreign(char),
    /// A word in the letters of several alphabets.
    Mixed(String),
}

/// What a person must be told about a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Warnings {
    pub(crate) hidden: usize,
    pub(crate) look_alike: usize,
    pub(crate) right_to_left: bool,
}

impl Warnings {
    pub(crate) fn add(&mut self, other: Self) {
        self.hidden = self.hidden.saturating_add(other.hidden);
        self.look_alike = self.look_alike.saturating_add(other.look_alike);
        self.right_to_left |= other.right_to_left;
    }

    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

/// The pieces of a text, in its order, and what there is to say about them.
pub(crate) fn pieces(text: &str, kind: Kind) -> (Vec<Piece>, Warnings) {
    let mut out = Pieces::default();
    let mut word = String::new();
    for c in text.chars() {
        let hidden = hidden(c);
        // A character that can't be seen does not end a word.
        if hidden.is_none() && c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        out.word(&std::mem::take(&mut word), kind);
        match hidden {
            Some(what) => out.hidden(c, what),
            None => out.character(c, kind),
        }
    }
    out.word(&word, kind);
    (out.pieces, out.warnings)
}

#[derive(Default)]
struct Pieces {
    pieces: Vec<Piece>,
    warnings: Warnings,
    marks: usize,
}

/// Marks on one letter before they are counted as hiding something.
const MAX_MARKS: usize = 2;

impl Pieces {
    fn word(&mut self, word: &str, kind: Kind) {
        if kind == Kind::Content && !word.is_single_script() {
            self.warnings.look_alike = self.warnings.look_alike.saturating_add(1);
            self.right_to_left(word);
            self.marks = 0;
            return self.pieces.push(Piece::Mixed(word.to_owned()));
        }
        for c in word.chars() {
            self.character(c, kind);
        }
    }

    fn character(&mut self, c: char, kind: Kind) {
        if get_general_category(c) == Category::NonspacingMark {
            self.marks = self.marks.saturating_add(1);
            if self.marks > MAX_MARKS {
                return self.hidden(c, "one of many marks on a letter");
            }
        } else {
            self.marks = 0;
        }
        if !c.is_ascii() && (kind == Kind::Name || imitates(c)) {
            self.warnings.look_alike = self.warnings.look_alike.saturating_add(1);
            return self.pieces.push(Piece::Foreign(c));
        }
        self.right_to_left(c.encode_utf8(&mut [0; 4]));
        match self.pieces.last_mut() {
            Some(Piece::Plain(text)) => text.push(c),
            _ => self.pieces.push(Piece::Plain(c.into())),
        }
    }

    fn hidden(&mut self, c: char, what: &'static str) {
        self.warnings.hidden = self.warnings.hidden.saturating_add(usize::from(!is_ordinary(c)));
        self.pieces.push(Piece::Hidden(c, what));
    }

    fn right_to_left(&mut self, text: &str) {
        self.warnings.right_to_left |= text.chars().any(is_right_to_left);
    }
}

/// Ends of lines and tabs are shown, but nobody has to be warned of them.
fn is_ordinary(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

/// Letters and digits in another dress: full width, mathematical, or of another script's digits.
fn imitates(c: char) -> bool {
    matches!(c, '\u{FF01}'..='\u{FF5E}' | '\u{1D400}'..='\u{1D7FF}')
        || get_general_category(c) == Category::DecimalNumber
}

fn is_right_to_left(c: char) -> bool {
    matches!(
        c.script(),
        Script::Arabic
            | Script::Hebrew
            | Script::Syriac
            | Script::Thaana
            | Script::Nko
            | Script::Samaritan
            | Script::Mandaic
            | Script::Adlam
            | Script::Hanifi_Rohingya
            | Script::Mende_Kikakui
    )
}

/// What a character is that can't be seen, or that moves others.
fn hidden(c: char) -> Option<&'static str> {
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == c) {
        return Some(name);
    }
    match get_general_category(c) {
        Category::Control => Some("control character"),
        Category::Format => Some("invisible formatting character"),
        Category::LineSeparator | Category::ParagraphSeparator => Some("line separator"),
        Category::SpaceSeparator if c != ' ' => Some("unusual space"),
        Category::PrivateUse => Some("private character without a common shape"),
        Category::Unassigned => Some("character that does not exist"),
        _ if is_blank(c) => Some("invisible character"),
        _ => None,
    }
}

/// `Default_Ignorable_Code_Point` (UAX #44) beyond formatting characters, and what is drawn as nothing.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}'
    )
}

/// The ones that are met, by name.
const NAMES: [(char, &str); 23] = [
    ('\0', "null"),
    ('\t', "tab"),
    ('\n', "new line"),
    ('\r', "carriage return"),
    ('\u{1B}', "escape"),
    ('\u{7F}', "delete"),
    ('\u{A0}', "no-break space"),
    ('\u{AD}', "soft hyphen"),
    ('\u{61C}', "arabic letter mark"),
    ('\u{200B}', "zero width space"),
    ('\u{200C}', "zero width non-joiner"),
    ('\u{200D}', "zero width joiner"),
    ('\u{200E}', "left-to-right mark"),
    ('\u{200F}', "right-to-left mark"),
    ('\u{202A}', "left-to-right embedding"),
    ('\u{202B}', "right-to-left embedding"),
    ('\u{202C}', "pop directional formatting"),
    ('\u{202D}', "left-to-right override"),
    ('\u{202E}', "right-to-left override"),
    ('\u{2066}', "left-to-right isolate"),
    ('\u{2067}', "right-to-left isolate"),
    ('\u{2060}', "word joiner"),
    ('\u{FEFF}', "zero width no-break space"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Piece {
        Piece::Plain(text.to_owned())
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        let (pieces, warnings) = pieces("pay\u{202E}001\u{200B} now", Kind::Content);
        assert_eq!(
            pieces,
            [
                plain("pay"),
                Piece::Hidden('\u{202E}', "right-to-left override"),
                plain("001"),
                Piece::Hidden('\u{200B}', "zero width space"),
                plain(" now")
            ]
        );
        assert_eq!(warnings.hidden, 2);
    }

    #[test]
    fn nothing_that_hides_gets_through_as_plain_text() {
        let hiding = [
            '\0',
            '\u{1B}',
            '\r',
            '\u{85}',
            '\u{A0}',
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{180E}',
            '\u{2000}',
            '\u{200D}',
            '\u{2028}',
            '\u{2029}',
            '\u{2069}',
            '\u{206A}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFF9}',
            '\u{E000}',
            '\u{E0001}',
            '\u{E0041}',
            '\u{E0101}',
            '\u{10FFFF}',
            '\u{378}',
        ];
        for c in hiding {
            for kind in [Kind::Name, Kind::Content] {
                let (pieces, warnings) = pieces(&format!("a{c}b"), kind);
                assert!(
                    matches!(pieces[1], Piece::Hidden(found, _) if found == c),
                    "U+{:04X}",
                    c as u32
                );
                assert_eq!(warnings.hidden, 1, "U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn every_character_is_shown_once_and_in_order() {
        let text = "a\u{202E}b \u{0430}cme שלום ４ e\u{301}\u{301}\u{301}\n\tпривет";
        for kind in [Kind::Name, Kind::Content] {
            let back: String = pieces(text, kind)
                .0
                .into_iter()
                .map(|piece| match piece {
                    Piece::Plain(text) | Piece::Mixed(text) => text,
                    Piece::Hidden(c, _) | Piece::Foreign(c) => c.into(),
                })
                .collect();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn look_alikes_are_pointed_out() {
        // A Cyrillic a.
        let (pieces_, warnings) = pieces("\u{0430}cme", Kind::Name);
        assert_eq!(pieces_, [Piece::Foreign('\u{0430}'), plain("cme")]);
        assert_eq!(warnings.look_alike, 1);
        let (pieces_, warnings) = pieces("to \u{0430}cme", Kind::Content);
        assert_eq!(pieces_, [plain("to "), Piece::Mixed("\u{0430}cme".to_owned())]);
        assert_eq!(warnings.look_alike, 1);
        assert_eq!(pieces("４00", Kind::Content).1.look_alike, 1);
    }

    #[test]
    fn ordinary_text_in_any_language_is_left_alone() {
        for text in
            ["Q4 – invoice 77", "Grüße, naïve café", "привет, мир", "東京タワーへ", "naïve\nline"]
        {
            assert!(!pieces(text, Kind::Content).1.any(), "{text}");
        }
        let (_, warnings) = pieces("שלום 400", Kind::Content);
        assert!(warnings.right_to_left && warnings.hidden == 0);
    }

    #[test]
    fn marks_that_pile_up_are_named() {
        assert!(!pieces("e\u{301}\u{327}", Kind::Content).1.any());
        assert_eq!(pieces("e\u{301}\u{301}\u{301}\u{301}", Kind::Content).1.hidden, 2);
    }
}
