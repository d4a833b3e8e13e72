//! Times in claims, relative to the time of the request: `"now+300"` becomes a NumericDate.

use serde_json::Value;

/// Replaces every moment inside `value`. `now`: seconds since the Unix epoch.
pub(super) fn fill(value: &mut Value, now: u64) {
    match value {
        Value::String(text) => {
            if let Some(moment) = moment(text, now) {
                *value = moment;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, now)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, now)),
        _ => {}
    }
}

fn moment(text: &str, now: u64) -> Option<Value> {
    let offset = text.strip_prefix("now")?;
    if offset.is_empty() {
        return Some(now.into());
    }
    if !offset.starts_with(['+', '-']) {
        return None;
    }
    match offset.parse::<i64>() {
        Ok(seconds) => Some(now.saturating_add_signed(seconds).into()),
        Err(_) => Some((now as f64 + offset.parse::<f64>().ok()?).into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_is_relative_and_nothing_else_is_touched() {
        let mut claims = json!({"exp": "now+300", "iat": "now-10", "nbf": "now", "a": ["now+0.5"], "sub": "nowhere", "x": "now then"});
        fill(&mut claims, 1000);
        let expected = json!({"exp": 1300, "iat": 990, "nbf": 1000, "a": [1000.5], "sub": "nowhere", "x": "now then"});
        assert_eq!(claims, expected);
    }
}
