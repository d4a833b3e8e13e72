//! Whether a JSON document holds everything a smaller one says.

use serde_json::Value;

/// Adds one line for each place where `actual` is not what `expected` says: members that are not
/// mentioned may be anything, `null` means "not there", lists are compared as a whole.
pub(super) fn compare(
    expected: &Value,
    actual: Option<&Value>,
    path: &str,
    found: &mut Vec<String>,
) {
    match (expected, actual) {
        (Value::Null, None) => {}
        (Value::Object(expected), Some(Value::Object(actual))) => {
            for (name, value) in expected {
                compare(value, actual.get(name), &format!("{path}.{name}"), found);
            }
        }
        (Value::Array(expected), Some(Value::Array(actual))) if expected.len() == actual.len() => {
            for (i, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(expected, Some(actual), &format!("{path}[{i}]"), found);
            }
        }
        (expected, Some(actual)) if expected == actual => {}
        (expected, actual) => {
            let actual = actual.map_or("nothing".to_owned(), Value::to_string);
            found.push(format!("{path}: expected {expected}, got {actual}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_mentioned_counts() {
        let actual = json!({"a": {"b": 1, "c": [1, {"d": 2, "e": 3}]}, "f": "g"});
        let differences = |expected| {
            let mut found = Vec::new();
            compare(&expected, Some(&actual), "", &mut found);
            found.len()
        };
        assert_eq!(differences(json!({"a": {"c": [1, {"d": 2}], "x": null}})), 0);
        assert_eq!(differences(json!({"a": {"b": 2, "c": [1]}, "f": null, "h": 1})), 4);
    }
}
