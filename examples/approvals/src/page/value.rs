//! Texts and JSON values as HTML that shows exactly what is there.

use maud::{Markup, html};
use serde_json::Value;

use crate::text::{self, Kind, Piece, Warnings};

/// A text longer than this is folded, with its length.
const LONG: usize = 240;
/// What a folded text shows of its beginning and of its end.
const HEAD: usize = 160;
const TAIL: usize = 60;

/// A text; a long one is folded and can be opened without a script.
pub(super) fn text(text: &str, kind: Kind) -> (Markup, Warnings) {
    let (whole, warnings) = unfolded(text, kind);
    let length = text.chars().count();
    if length <= LONG {
        return (whole, warnings);
    }
    let head: String = text.chars().take(HEAD).collect();
    let tail: String = text.chars().skip(length.saturating_sub(TAIL)).collect();
    let folded = html! {
        details.long {
            summary {
                (unfolded(&head, kind).0) span.cut { " … " } (unfolded(&tail, kind).0)
                span.all { "show all " (length) " characters" }
            }
            (whole)
        }
    };
    (folded, warnings)
}

/// All of it. `bdo`: every character stands where it is stored, whatever its direction.
pub(super) fn unfolded(text: &str, kind: Kind) -> (Markup, Warnings) {
    let (pieces, warnings) = text::pieces(text, kind);
    let markup = html! {
        bdo.text dir="ltr" { @for piece in &pieces { (piece_markup(piece)) } }
    };
    (markup, warnings)
}

fn piece_markup(piece: &Piece) -> Markup {
    let code = |c: &char| format!("U+{:04X}", u32::from(*c));
    html! {
        @match piece {
            Piece::Plain(text) => { (text) }
            Piece::Hidden('\n', what) => { span.hidden title=(what) { "↵" } br; }
            Piece::Hidden(c, what) => { span.hidden { (code(c)) " " (what) } }
            Piece::Foreign(c) => { span.foreign { (c) span.code { (code(c)) } } }
            Piece::Mixed(word) => {
                span.foreign {
                    (word)
                    span.code { @for c in word.chars().filter(|c| !c.is_ascii()) { (code(&c)) " " } "mixed alphabets" }
                }
            }
        }
    }
}

/// A JSON value: texts in quotation marks, so that `"400"` is not `400`.
pub(super) fn value(value: &Value) -> (Markup, Warnings) {
    let mut warnings = Warnings::default();
    let markup = value_markup(value, &mut warnings);
    (markup, warnings)
}

fn value_markup(value: &Value, warnings: &mut Warnings) -> Markup {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => html! { span.plain { (value) } },
        Value::String(text) => {
            let markup = noted(self::text(text, Kind::Content), warnings);
            html! { span.string { span.quote { "\u{201C}" } (markup) span.quote { "\u{201D}" } } }
        }
        Value::Array(items) if items.is_empty() => html! { span.plain { "empty list" } },
        Value::Array(items) => html! {
            ol.items start="0" { @for item in items { li { (value_markup(item, warnings)) } } }
        },
        Value::Object(members) if members.is_empty() => html! { span.plain { "empty object" } },
        Value::Object(members) => html! {
            dl.members {
                @for (name, member) in members {
                    div {
                        dt { (noted(self::text(name, Kind::Name), warnings)) }
                        dd { (value_markup(member, warnings)) }
                    }
                }
            }
        },
    }
}

fn noted((markup, found): (Markup, Warnings), warnings: &mut Warnings) -> Markup {
    warnings.add(found);
    markup
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(shown: &Value) -> String {
        value(shown).0.into_string()
    }

    #[test]
    fn nothing_of_a_value_becomes_markup() {
        let html = shown(&json!({
            "<script>alert(1)</script>": "\"><img src=x onerror=alert(1)>",
            "a": ["</bdo></dl><form action=//evil.example>"],
        }));
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<form"));
        assert!(html.contains("&lt;script&gt;") && html.contains("&lt;img src=x"));
    }

    #[test]
    fn a_text_is_never_taken_for_a_number_or_nothing() {
        assert_ne!(shown(&json!("400")), shown(&json!(400)));
        assert_ne!(shown(&json!("null")), shown(&json!(null)));
        assert_ne!(shown(&json!("")), shown(&json!(null)));
        assert!(
            shown(&json!({})).contains("empty object") && shown(&json!([])).contains("empty list")
        );
    }

    #[test]
    fn a_long_text_is_folded_but_all_there_with_its_length() {
        let long = format!("{}{}{}", "a".repeat(5_000), "b\u{202E}", "c".repeat(5_000));
        let (html, warnings) = value(&json!(long));
        let html = html.into_string();
        assert!(html.contains("show all 10002 characters"));
        assert!(html.contains(&"a".repeat(5_000)) && html.contains(&"c".repeat(5_000)));
        assert!(html.contains("U+202E right-to-left override") && warnings.hidden == 1);
    }
}
