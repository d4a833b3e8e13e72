//! JSON values into Cedar values, one by one.
//!
//! Never through Cedar's JSON reader: there `{"__entity": …}` in an argument would become an
//! entity and satisfy `owner == User::"alice"` (threats F6).

use cedar_policy::RestrictedExpression;

use crate::json::{Object, Value};

/// A JSON value that has no Cedar form: `null`, or a fraction of more than four digits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unrepresentable;

/// An object becomes a record, whatever its members are called.
pub(super) fn record(object: &Object) -> Result<RestrictedExpression, Unrepresentable> {
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

/// 2^63 / 10^4, rounded down to what a double holds exactly.
const LARGEST_DECIMAL: f64 = 922_337_203_685_477.0;

#[cfg(test)]
mod tests {
    use super::*;

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
