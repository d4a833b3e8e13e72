//! MCP messages, written in every way that JSON allows and in many that it does not: the same ones on
//! every run.
//!
//! A body is written anew from its value, with members in another order, other spellings of the same
//! strings and numbers, and white space; the tricky half of them with what parsers have stumbled over
//! as well; some are then damaged byte by byte.

use serde_json::{Value, json};

/// A body and what its request says of it.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Of the message it was made from, for the routing headers of the modern era.
    pub(crate) message: Value,
}

/// The first so many bodies.
pub(crate) fn bodies(count: u64) -> impl Iterator<Item = Body> {
    let messages = messages();
    (0..count).map(move |number| {
        let mut dice = Dice(number);
        let mut message = messages[dice.below(messages.len())].clone();
        if dice.one_in(2) && message["params"].get("arguments").is_some() {
            let name = STRINGS[dice.below(STRINGS.len())];
            message["params"]["arguments"][name] = any_value(&mut dice, 4);
        }
        let mut writer = Writer { tricky: dice.one_in(2), dice, out: Vec::new() };
        writer.value(&message);
        let Writer { mut dice, out: mut bytes, tricky } = writer;
        if tricky && dice.one_in(3) {
            damage(&mut bytes, &mut dice);
        }
        Body { bytes, message }
    })
}

/// Good messages of both eras: every method that names something, and some that do not.
fn messages() -> Vec<Value> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let call = json!({"name": "get_order", "arguments": {"id": 1042, "note": "für 3 €", "deep": [{"x": 0.5}]}});
    let refund =
        json!({"name": "refund", "arguments": {"amount": 100, "id": 7, "to": "a/b", "dry": false}});
    let mut modern = call.clone();
    modern["_meta"] = meta.clone();
    let request = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    vec![
        request("tools/call", call),
        request("tools/call", refund),
        request("tools/call", json!({"name": "get_order"})),
        request("tools/call", modern),
        request("resources/read", json!({"uri": "orders://items/7"})),
        request("prompts/get", json!({"name": "summary", "arguments": {"style": "krátký"}})),
        request("tools/list", json!({"_meta": meta})),
        request("tools/list", json!({"cursor": "a==", "_meta": {"progressToken": 3}})),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ]
}

/// Strings and member names, with what some parser takes for something else.
const STRINGS: &[&str] = &[
    "",
    "id",
    "Id",
    "ıd",
    "name",
    "naïve",
    "__proto__",
    "constructor",
    "method",
    "a b",
    "\u{e9}",
    "e\u{301}",
    "\u{212a}ey",
    "\u{2028}",
    "\u{7f}",
    "\u{ffff}",
    "\u{fffd}",
    "\u{1f600}",
    "\u{e000}",
    "\u{10ffff}",
    "\u{1}",
    "\"\\\u{8}\u{c}\n\r\t",
    "\u{200b}",
    "$ref",
    "1",
    "10",
    "9",
];

/// Numbers as text, some of which are none.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "0e0",
    "-1",
    "1.0",
    "1e0",
    "1E+2",
    "10e-1",
    "0.1",
    "1e-7",
    "1e-6",
    "1.5e300",
    "1e400",
    "-1e-400",
    "123456.7890",
    "5e-324",
    "2.2250738585072011e-308",
    "0.30000000000000004",
    "4503599627370497.5",
    "9007199254740991",
    "9007199254740991.0",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "9007199254740990.9",
    "18446744073709551616",
    "1e15",
    "1e16",
    "1e21",
    "123e-20",
    "01",
    "+1",
    ".5",
    "1.",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e",
    "--1",
    "१",
];

/// What a string may not hold, or only just.
const IN_STRINGS: &[&[u8]] = &[
    b"\\ud800",
    b"\\udc00",
    b"\\ud83d\\ude00",
    b"\\ude00\\ud83d",
    b"\\u0000",
    b"\0",
    b"\n",
    b"\x01",
    b"\xff",
    b"\xc0\xae",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\x8b",
    b"\\x41",
    b"\\u00g0",
    b"\\a",
    b"\\'",
    b"\\u004",
    b"\\U0041",
    b"\\\n",
    b"\"",
    b"\\",
    b"\xf0\x9f\x98\x80",
    b"\\u{41}",
];

/// Between tokens.
const BETWEEN: &[&[u8]] = &[
    b"\xef\xbb\xbf",
    b"\xc2\xa0",
    b"\x0b",
    b"\x0c",
    b"\0",
    b"/* */",
    b"// x\n",
    b"#\n",
    b"\xe2\x80\xa8",
    b",",
    b"\x1e",
];

/// Anywhere.
const ANYWHERE: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b" ",
    b"{}",
    b"\n{\"method\":\"tools/list\"}",
    b"\"method\":\"x\",",
    b"\"Name\":1,",
    b"0",
    b"e1",
    b"-",
    b".",
];

fn any_value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(dice.one_in(2)),
        2 => json!(dice.below(1 << 20)),
        3 => json!(f64::from(u32::try_from(dice.below(1 << 30)).unwrap_or(0)) / 1024.0),
        4 => json!(STRINGS[dice.below(STRINGS.len())]),
        5 => (0..dice.below(4)).map(|_| any_value(dice, depth - 1)).collect(),
        6 => (0..60).fold(json!(dice.below(9)), |inner, _| json!([inner])),
        _ => {
            let named = |dice: &mut Dice| STRINGS[dice.below(STRINGS.len())].to_owned();
            let members = (0..dice.below(4)).map(|_| (named(dice), any_value(dice, depth - 1)));
            Value::Object(members.collect())
        }
    }
}

/// Writes values as text.
struct Writer {
    dice: Dice,
    /// Whether it also writes what is no JSON, or what parsers disagree about.
    tricky: bool,
    out: Vec<u8>,
}

impl Writer {
    /// Once in so many times, in the bodies that are to be like that.
    fn trick(&mut self, times: usize) -> bool {
        self.tricky && self.dice.one_in(times)
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Null | Value::Bool(_) => self.out.extend(value.to_string().bytes()),
            Value::Number(number) if self.trick(6) || self.dice.one_in(3) => self.number(number),
            Value::Number(number) => self.out.extend(number.to_string().bytes()),
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(b"[]", items, Self::value),
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                let mut twins = Vec::new();
                for (name, _) in &members {
                    if self.trick(20) {
                        twins.push((self.twin(name), any_value(&mut self.dice, 1)));
                    }
                }
                members.extend(twins.iter().map(|(name, value)| (name, value)));
                for last in (1..members.len()).rev() {
                    members.swap(last, self.dice.below(last + 1));
                }
                self.list(b"{}", &members, |writer, (name, value)| {
                    writer.space();
                    writer.string(name);
                    writer.space();
                    writer.out.push(b':');
                    writer.value(value);
                });
            }
        }
        self.space();
    }

    fn list<T>(&mut self, around: &[u8; 2], items: &[T], write: impl Fn(&mut Self, &T)) {
        self.out.push(around[0]);
        for (at, item) in items.iter().enumerate() {
            if at > 0 && !self.trick(200) {
                self.out.push(b',');
            }
            write(self, item);
        }
        if self.trick(200) {
            self.out.push(b',');
        }
        self.out.push(around[1]);
    }

    /// The name again, or another that some parser takes for it.
    fn twin(&mut self, name: &str) -> String {
        match self.dice.below(7) {
            0 => name.to_owned(),
            1 => name.to_uppercase(),
            2 => name.replace('s', "\u{17f}").replace('k', "\u{212a}"),
            3 => format!("{name}\u{200b}"),
            4 => format!(" {name}"),
            5 => format!("{name}\0"),
            _ => name.chars().rev().collect(),
        }
    }

    fn number(&mut self, number: &serde_json::Number) {
        let text = match self.dice.below(6) {
            0 if self.tricky => NUMBERS[self.dice.below(NUMBERS.len())].to_owned(),
            1 => format!("{number}e0"),
            2 => format!("{number}E+0"),
            3 if number.is_u64() => format!("{number}.0"),
            4 if number.is_u64() => format!("{number}0e-1"),
            _ => number.to_string(),
        };
        self.out.extend(text.bytes());
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let escapes = self.dice.below(4);
        for c in text.chars() {
            if self.trick(120) {
                let piece = IN_STRINGS[self.dice.below(IN_STRINGS.len())];
                self.out.extend_from_slice(piece);
            }
            let must = c < ' ' || c == '"' || c == '\\';
            match c {
                _ if must || (escapes == 0 && self.dice.one_in(3)) => self.escaped(c),
                '/' if self.dice.one_in(4) => self.out.extend_from_slice(b"\\/"),
                _ => self.out.extend(c.to_string().bytes()),
            }
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, c: char) {
        let upper = self.dice.one_in(2);
        for unit in c.encode_utf16(&mut [0; 2]) {
            let text = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            self.out.extend(text.bytes());
        }
    }

    fn space(&mut self) {
        if self.dice.one_in(8) {
            self.out.push(b" \t\r\n"[self.dice.below(4)]);
        }
        if self.trick(200) {
            let piece = BETWEEN[self.dice.below(BETWEEN.len())];
            self.out.extend_from_slice(piece);
        }
    }
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len() + 1);
        let to = (at + 1 + dice.below(24)).min(bytes.len());
        match dice.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => bytes.extend_from_within(at..to),
            3 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            4 => bytes.extend_from_slice(ANYWHERE[dice.below(ANYWHERE.len())]),
            _ => drop(bytes.splice(at..at, ANYWHERE[dice.below(ANYWHERE.len())].iter().copied())),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (bound as u64)).unwrap_or(0)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
