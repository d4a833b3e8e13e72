//! JSON values and instants into Cedar values, one by one.
//!
//! Never through Cedar's JSON reader: there `{"__entity": …}` in an argument would become an
//! entity and satisfy `owner == User::"alice"` (threats F6).

use std::cell::RefCell;
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy_core::ast::{Name, PartialValue, Value as CedarValue};
use cedar_policy_core::extensions::Extensions;

use crate::json::{Object, Value};
use crate::model::Timestamp;

/// A JSON value that has no Cedar form: `null`, or a fraction of more than four digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unrepresentable;

/// Arguments as a record, if there are not more of them than a decision is worth: a decimal costs a
/// call and a regular expression before it is known whether it fits.
pub(super) fn input(object: &Object) -> Result<CedarValue, Unrepresentable> {
    let (mut values, mut decimals) = (0_usize, 0_usize);
    let mut todo: Vec<&Value> = object.iter().map(|(_, value)| value).collect();
    while let Some(value) = todo.pop() {
        values = values.saturating_add(1);
        match value {
            Value::Decimal(_) => decimals = decimals.saturating_add(1),
            Value::Array(items) => todo.extend(items),
            Value::Object(object) => todo.extend(object.iter().map(|(_, value)| value)),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::String(_) => {}
        }
        if values > MAX_VALUES || decimals > MAX_DECIMALS {
            return Err(Unrepresentable);
        }
    }
    record(object)
}

/// The `datetime` of the last instant that was asked for. Cedar reads one from text only, by a regular
/// expression, and requests that come one after the other come in the same second.
#[derive(Default)]
pub(super) struct Clock(RefCell<Option<(u64, CedarValue)>>);

impl Clock {
    /// An instant as a `datetime`, to the second: no policy is written for less.
    pub(super) fn instant(&self, at: Timestamp) -> Result<CedarValue, Unrepresentable> {
        let second = at.unix_seconds();
        let mut last = self.0.try_borrow_mut().map_err(|_| Unrepresentable)?;
        if let Some((known, value)) = &*last
            && *known == second
        {
            return Ok(value.clone());
        }
        let value = instant(Timestamp::from_unix_millis(second.saturating_mul(1000)))?;
        *last = Some((second, value.clone()));
        Ok(value)
    }
}

/// An instant as a `datetime`.
pub(super) fn instant(at: Timestamp) -> Result<CedarValue, Unrepresentable> {
    call(&NAMES.datetime, &at.to_string())
}

/// An object becomes a record, whatever its members are called. No two are called the same: the
/// reader has seen to that.
fn record(object: &Object) -> Result<CedarValue, Unrepresentable> {
    let fields: Result<Vec<_>, _> =
        object.iter().map(|(name, value)| Ok((name, cedar(value)?))).collect();
    Ok(CedarValue::record(fields?, None))
}

/// Integers become `Long`, fractions `decimal`, arrays sets. What does not fit is refused, never
/// dropped: a policy that tests for it would otherwise be blind.
fn cedar(value: &Value) -> Result<CedarValue, Unrepresentable> {
    Ok(match value {
        Value::Null => return Err(Unrepresentable),
        Value::Bool(b) => CedarValue::from(*b),
        Value::Integer(n) => CedarValue::from(*n),
        Value::Decimal(x) => call(&NAMES.decimal, &decimal(*x)?)?,
        Value::String(text) => CedarValue::from(text.as_str()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(cedar).collect();
            CedarValue::set(items?, None)
        }
        Value::Object(object) => record(object)?,
    })
}

/// What one of Cedar's constructors makes of a text.
fn call(constructor: &Name, text: &str) -> Result<CedarValue, Unrepresentable> {
    let function = Extensions::all_available().func(constructor).map_err(|_| Unrepresentable)?;
    match function.call(&[CedarValue::from(text)]) {
        Ok(PartialValue::Value(value)) => Ok(value),
        Ok(PartialValue::Residual(_)) | Err(_) => Err(Unrepresentable),
    }
}

/// The constructors' names, parsed once: that takes Cedar longer than the call.
struct Names {
    datetime: Name,
    decimal: Name,
}

static NAMES: LazyLock<Names> =
    LazyLock::new(|| Names { datetime: name("datetime"), decimal: name("decimal") });

#[expect(clippy::expect_used, reason = "constants of this file, parsed by its tests")]
fn name(name: &'static str) -> Name {
    Name::from_str(name).expect("an identifier")
}

/// Cedar's decimal: one to four digits after the point, in the range of an i64 of ten-thousandths.
fn decimal(x: f64) -> Result<String, Unrepresentable> {
    let mut text = x.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if digits > 4 || x.abs() >= LARGEST_DECIMAL {
        return Err(Unrepresentable);
    }
    Ok(text)
}

/// Together about as much work as the rest of a decision.
const MAX_VALUES: usize = 1_000;
const MAX_DECIMALS: usize = 64;
/// 2^63 / 10^4, rounded down to what a double holds exactly.
const LARGEST_DECIMAL: f64 = 922_337_203_685_477.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_cost_no_more_than_a_decision_is_worth() {
        let with = |item: &str, count: usize| {
            let limits = crate::json::Limits { bytes: 1 << 20, depth: 8, items: 100_000 };
            let text = format!("{{\"a\":[{}]}}", vec![item; count].join(","));
            let value = crate::json::read(text.as_bytes(), &limits).unwrap();
            input(value.as_object().unwrap()).is_ok()
        };
        assert!(with("1", MAX_VALUES - 1) && !with("1", MAX_VALUES));
        assert!(with("1.5", MAX_DECIMALS) && !with("1.5", MAX_DECIMALS + 1));
    }

    #[test]
    fn an_instant_becomes_a_datetime() {
        let at = |millis| instant(Timestamp::from_unix_millis(millis)).unwrap();
        assert!(at(1_795_457_870_204) < at(1_795_457_870_205));
        assert!(at(0) < at(u64::MAX));
    }

    #[test]
    fn the_clock_stands_still_for_a_second_and_goes_both_ways() {
        let clock = Clock::default();
        let at = |millis| clock.instant(Timestamp::from_unix_millis(millis)).unwrap();
        let first = at(1_795_457_870_204);
        assert_eq!(first, at(1_795_457_870_999));
        assert_eq!(first, instant(Timestamp::from_unix_millis(1_795_457_870_000)).unwrap());
        assert!(first < at(1_795_457_871_000));
        assert_eq!(first, at(1_795_457_870_000));
    }

    #[test]
    fn a_fraction_becomes_a_decimal_exactly_or_is_refused() {
        for (x, text) in [(0.5, "0.5"), (1.0, "1.0"), (-12.3456, "-12.3456"), (1e15, "")] {
            match decimal(x) {
                Ok(got) => assert_eq!(got, text),
                Err(Unrepresentable) => assert_eq!(text, "", "{x}"),
            }
        }
        assert_eq!(decimal(0.12345), Err(Unrepresentable));
        assert_eq!(decimal(1e-9), Err(Unrepresentable));
    }
}
