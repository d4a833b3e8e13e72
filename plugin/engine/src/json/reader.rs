//! Reading: `serde_json`'s tokens, our rules.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fold::Names;
use super::raw::Name;
use super::value::{Object, Value};

/// How large a document may be. Each limit is refused with a [`Fault`] of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Nested arrays and objects; at most 100, below `serde_json`'s own 128.
    pub depth: usize,
    /// Members and elements of the whole document together.
    pub items: usize,
}

/// Why a text was refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Why.
    pub fault: Fault,
    /// Line, from 1; 0 if the fault is of the document as a whole.
    pub line: usize,
    /// Column in bytes, from 1; 0 if the fault is of the document as a whole.
    pub column: usize,
}

/// The rules of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not one JSON value in UTF-8 (RFC 8259), or something follows it.
    Syntax,
    /// More bytes than allowed.
    Bytes,
    /// Nested more deeply than allowed.
    Depth,
    /// More members and elements than allowed.
    Items,
    /// Two members of one object that some parser takes for the same.
    Duplicate,
    /// A number outside I-JSON: |n| ≥ 2^53, or negative zero.
    Number,
    /// NUL in a string, or a control character in a member name.
    Control,
}

/// Reads one JSON document.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Value, Malformed> {
    read_counted(bytes, limits).map(|(value, _)| value)
}

/// Reads one, and says how many members and elements there are in it.
pub(super) fn read_counted(bytes: &[u8], limits: &Limits) -> Result<(Value, usize), Malformed> {
    read_as(bytes, limits, Kept::Everything)
}

/// Holds a document against every rule but the one for numbers. For text that is passed on as it
/// was written and whose numbers nobody here looks at. What it returns is good for the texts among the
/// members of the document, and for nothing else.
pub(super) fn outline(bytes: &[u8], limits: &Limits) -> Result<Value, Malformed> {
    read_as(bytes, limits, Kept::Outline).map(|(value, _)| value)
}

fn read_as(bytes: &[u8], limits: &Limits, kept: Kept) -> Result<(Value, usize), Malformed> {
    if bytes.len() > limits.bytes {
        return Err(Malformed::whole(Fault::Bytes));
    }
    let (items, fault) = (Cell::new(limits.items), Cell::new(Fault::Syntax));
    let rules = Rules { items, fault, kept, outermost: limits.depth };
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let seed = Seed { rules: &rules, depth: limits.depth };
    let read = seed.deserialize(&mut from).and_then(|value| from.end().map(|()| value));
    match read {
        Ok(value) => Ok((value, limits.items.saturating_sub(rules.items.get()))),
        Err(e) => Err(Malformed { fault: rules.fault.get(), line: e.line(), column: e.column() }),
    }
}

/// What is made of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// All of it; numbers are those of I-JSON.
    Everything,
    /// The texts among its members. All else is as good as `null`: numbers that are not those of I-JSON too,
    /// as nobody uses their value.
    Outline,
}

/// What is left of the budget, and the rule that was broken: `serde` errors carry only text.
struct Rules {
    items: Cell<usize>,
    fault: Cell<Fault>,
    kept: Kept,
    /// The depth that is left to the document itself.
    outermost: usize,
}

impl Rules {
    fn broken<E: Error>(&self, fault: Fault) -> E {
        self.fault.set(fault);
        E::custom(fault)
    }

    fn foreign_number<E: Error>(&self) -> Result<Value, E> {
        match self.kept {
            Kept::Everything => Err(self.broken(Fault::Number)),
            Kept::Outline => Ok(Value::Null),
        }
    }

    fn spend<E: Error>(&self) -> Result<(), E> {
        let left = self.items.get().checked_sub(1).ok_or_else(|| self.broken(Fault::Items))?;
        self.items.set(left);
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Seed<'r> {
    rules: &'r Rules,
    depth: usize,
}

impl Seed<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| self.rules.broken(Fault::Depth))?;
        Ok(Self { depth, ..self })
    }

    /// Whether anybody uses what is `below` levels up from here.
    fn keeps(self, below: usize) -> bool {
        let depth = self.depth.saturating_add(below);
        self.rules.kept == Kept::Everything || depth >= self.rules.outermost
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        if v.unsigned_abs() < I_JSON_BOUND {
            Ok(Value::Integer(v))
        } else {
            self.rules.foreign_number()
        }
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        i64::try_from(v).map_or_else(|_| self.rules.foreign_number(), |n| self.visit_i64(n))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        let negative_zero = v == 0.0 && v.is_sign_negative();
        // Doubles at and above 2^53 no longer tell neighbouring integers apart.
        if negative_zero || v.abs() >= I_JSON_BOUND_F64 {
            return self.rules.foreign_number();
        }
        Ok(Value::Decimal(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        if v.contains('\0') {
            return Err(self.rules.broken(Fault::Control));
        }
        Ok(if self.keeps(1) { Value::String(v.to_owned()) } else { Value::Null })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let (mut items, keeps) = (Vec::new(), self.keeps(0));
        while let Some(item) = from.next_element_seed(inner)? {
            self.rules.spend()?;
            if keeps {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members: Vec<(Cow<'de, str>, Value)> = Vec::new();
        let mut names = Names::default();
        while let Some(Name(name)) = from.next_key()? {
            self.rules.spend()?;
            let before = members.iter().map(|(name, _)| &**name);
            names.admit(&name, before).map_err(|fault| self.rules.broken(fault))?;
            members.push((name, from.next_value_seed(inner)?));
        }
        if !self.keeps(0) {
            return Ok(Value::Null);
        }
        let own = |(name, value): (Cow<'de, str>, Value)| (name.into_owned(), value);
        Ok(Value::Object(Object(members.into_iter().map(own).collect())))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "is not one JSON value in UTF-8",
            Self::Bytes => "is too long",
            Self::Depth => "is nested too deeply",
            Self::Items => "has too many members",
            Self::Duplicate => "has two members that a parser may take for the same",
            Self::Number => "has a number that parsers read differently (|n| ≥ 2^53, or -0)",
            Self::Control => "has a control character in a name, or NUL",
        })
    }
}

impl Malformed {
    pub(super) fn whole(fault: Fault) -> Self {
        Self { fault, line: 0, column: 0 }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.fault.fmt(f),
            line => write!(f, "{} (line {line}, column {})", self.fault, self.column),
        }
    }
}

/// RFC 7493 §2.2: integers are interoperable in [−(2^53)+1, (2^53)−1].
const I_JSON_BOUND: u64 = 1 << 53;
const I_JSON_BOUND_F64: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests;
