//! JSON values into Cedar values, one by one.
//!
//! Never through Cedar's JSON reader: there `{"__entity": …}` in an argument would become an
//! entity and satisfy `owner == User::"alice"` (threats F6).

use cedar_policy::RestrictedExpression;

use crate::json::{Object, Value};

/// A JSON value that has no Cedar form: `null`, or a fraction of more than four digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unrepresentable;

/// Arguments as a record, if there are not more of them than a decision is worth. Cedar evaluates each
/// value, and a decimal by a call and a regular expression, before it is known whether they fit.
pub(super) fn input(object: &Object) -> Result<RestrictedExpression, Unrepresentable> {
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

/// An object becomes a record, whatever its members are called.
fn record(object: &Object) -> Result<RestrictedExpression, Unrepresentable> {
    let fields: Result<Vec<_>, _> =
        object.iter().map(|(name, value)| Ok((name.to_owned(), expression(value)?))).collect();
    RestrictedExpression::new_record(fields?).map_err(|_| Unrepresentable)
}

/// Integers become `Long`, fractions `decimal`, arrays sets. What does not fit is refused, never
/// dropped: a policy that tests for it would otherwise be blind.
fn expression(value: &Value) -> Result<RestrictedExpression, Unrepresentable> {
    Ok(match value {
        Value::Null => return Err(Unrepresentable),
        Value::Bool(b) => RestrictedExpression::new_bool(*b),
        Value::Integer(n) => RestrictedExpression::new_long(*n),
        Value::Decimal(x) => RestrictedExpression::new_decimal(decimal(*x)?),
        Value::String(text) => RestrictedExpression::new_string(text.clone()),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(expression).collect();
            RestrictedExpression::new_set(items?)
        }
        Value::Object(object) => record(object)?,
    })
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
