//! Changing one JSON document by another.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// RFC 7396, with one addition: a member whose name begins with `/` is a JSON Pointer (RFC 6901) to
/// the place in the whole document that it sets, or removes with `null`. Merge patches alone can't
/// change one element of an array.
pub(super) fn apply(target: &mut Value, patch: &Value) -> anyhow::Result<()> {
    let Some(members) = patch.as_object() else {
        *target = patch.clone();
        return Ok(());
    };
    let (pointers, plain): (Vec<_>, Vec<_>) =
        members.iter().partition(|(name, _)| name.starts_with('/'));
    let plain = plain.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    merge(target, &Value::Object(plain));
    pointers.into_iter().try_for_each(|(pointer, value)| set(target, pointer, value))
}

/// RFC 7396 §2.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else {
        return;
    };
    for (name, value) in members {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Like [`merge`], but `null` is a value like any other: for descriptions in which it says "none".
pub(super) fn overlay(target: &mut Value, over: &Value) {
    match (target, over) {
        (Value::Object(target), Value::Object(over)) => {
            for (name, value) in over {
                overlay(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (target, over) => *target = over.clone(),
    }
}

fn set(target: &mut Value, pointer: &str, value: &Value) -> anyhow::Result<()> {
    let (parent, last) = pointer.rsplit_once('/').context("a JSON Pointer begins with `/`")?;
    let parent = target.pointer_mut(parent).with_context(|| format!("nothing at {parent:?}"))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    match parent {
        Value::Object(members) if value.is_null() => {
            members.remove(&last).with_context(|| format!("nothing at {pointer:?}"))?;
        }
        Value::Object(members) => {
            members.insert(last, value.clone());
        }
        Value::Array(items) if last == "-" => items.push(value.clone()),
        Value::Array(items) => {
            let place = last.parse::<usize>().ok().and_then(|i| items.get_mut(i));
            *place.with_context(|| format!("nothing at {pointer:?}"))? = value.clone();
        }
        _ => bail!("nothing can be at {pointer:?}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_overlay_keeps_null() {
        let mut document = json!({"a": {"b": 1}, "c": 2});
        overlay(&mut document, &json!({"a": {"d": null}, "c": null}));
        assert_eq!(document, json!({"a": {"b": 1, "d": null}, "c": null}));
    }

    #[test]
    fn a_patch_merges_and_points() {
        let mut document = json!({"a": {"b": 1, "c": 2}, "l": [{"x": 1}, 2]});
        let patch = json!({"a": {"b": null, "d": 3}, "/l/0/x": 5, "/l/-": 9, "/a/c": null});
        apply(&mut document, &patch).unwrap();
        assert_eq!(document, json!({"a": {"d": 3}, "l": [{"x": 5}, 2, 9]}));
        for wrong in [json!({"/l/7/x": 1}), json!({"/l/7": 1}), json!({"/a/z": null})] {
            assert!(apply(&mut document, &wrong).is_err(), "{wrong}");
        }
    }
}
