//! A tool's JSON Schema, as servers list it (`inputSchema`), as the Cedar record type of its input.
//!
//! Only what has one meaning in both: objects, strings, integers, booleans, and arrays of these.
//! Whatever else a schema says that changes which values it takes is a problem with its JSON path,
//! never left out, but for what only narrows the values of a type further (`maxLength`): that is the
//! server's to check. Not here: values; `policy` turns them into Cedar's.

use super::fields::{Node, Problems};
use crate::json::Value;

/// The record type. The configuration's reader bounds how deep a schema can be.
pub(super) fn record_type(schema: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let what = shape(schema, problems)?;
    if what != Shape::Object {
        return schema.wrong(problems, "must have the type \"object\": arguments are one");
    }
    typed(schema, what, problems)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    Array,
    String,
    Integer,
    Boolean,
}

/// What it is, if that is one of the types that there are.
fn shape(schema: &Node<'_>, problems: &mut Problems) -> Option<Shape> {
    let keywords = schema.entries(problems)?;
    for (name, node) in &keywords {
        if let Some((_, advice)) = UNTRANSLATABLE.iter().find(|(keyword, _)| keyword == name) {
            return node.wrong(problems, &format!("has no Cedar type; {advice}"));
        }
    }
    let Some((_, kind)) = keywords.iter().find(|(name, _)| *name == "type") else {
        let texts = keywords.iter().find(|(name, _)| *name == "enum");
        return match texts {
            Some((_, node)) => enumerated(node, problems).then_some(Shape::String),
            None => schema.wrong(problems, "has no type; without one it takes any value"),
        };
    };
    match kind.value() {
        Value::String(name) => match name.as_str() {
            "object" => Some(Shape::Object),
            "array" => Some(Shape::Array),
            "string" => Some(Shape::String),
            "integer" => Some(Shape::Integer),
            "boolean" => Some(Shape::Boolean),
            "number" => kind.wrong(problems, NUMBER),
            "null" => kind.wrong(problems, NULL),
            _ => kind.wrong(problems, "is no type of JSON Schema"),
        },
        _ => kind.wrong(problems, &format!("must be one type; {NULL}")),
    }
}

fn typed(schema: &Node<'_>, shape: Shape, problems: &mut Problems) -> Option<String> {
    let known: &[&str] = match shape {
        Shape::Object => OBJECT,
        Shape::Array => ARRAY,
        Shape::String => STRING,
        Shape::Integer => INTEGER,
        Shape::Boolean => &[],
    };
    for (name, node) in schema.entries(problems)? {
        if !known.contains(&name) && !ANYWHERE.contains(&name) {
            node.wrong::<()>(
                problems,
                "is not known here; leave it out if calls do not depend on it",
            );
        }
    }
    match shape {
        Shape::Object => object(schema, problems),
        Shape::Array => array(schema, problems),
        Shape::String => {
            let texts = schema.entries(problems)?.into_iter().find(|(name, _)| *name == "enum");
            let fine = texts.is_none_or(|(_, node)| enumerated(&node, problems));
            fine.then(|| "String".to_owned())
        }
        Shape::Integer => Some("Long".to_owned()),
        Shape::Boolean => Some("Bool".to_owned()),
    }
}

/// A record, closed: arguments that are not declared are refused whatever the schema says of them.
fn object(schema: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let (mut properties, mut required) = (Vec::new(), Vec::new());
    for (name, node) in schema.entries(problems)? {
        match name {
            "properties" => properties = node.entries(problems)?,
            "required" => required = node.items(problems)?,
            "additionalProperties" if node.value().as_bool() != Some(false) => {
                return node.wrong(problems, ADDITIONAL);
            }
            _ => {}
        }
    }
    for name in &required {
        let text = name.text(problems)?;
        if !properties.iter().any(|(property, _)| *property == text) {
            return name.wrong(problems, "is not one of the properties");
        }
    }
    let is_required = |name: &str| required.iter().any(|r| r.value().as_str() == Some(name));
    // Each is looked at, also after one that is wrong: all problems at once.
    let members: Vec<_> = properties
        .iter()
        .map(|(name, node)| {
            let inner = shape(node, problems).and_then(|shape| typed(node, shape, problems))?;
            let mark = if is_required(name) { "" } else { "?" };
            Some(format!("{}{mark}: {inner}", quoted(name)))
        })
        .collect();
    let members: Option<Vec<_>> = members.into_iter().collect();
    Some(format!("{{ {} }}", members?.join(", ")))
}

fn array(schema: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let items = schema.entries(problems)?.into_iter().find(|(name, _)| *name == "items");
    let Some((_, items)) = items else {
        return schema.wrong(problems, "has no items; without them it takes any value");
    };
    let inner = shape(&items, problems).and_then(|shape| typed(&items, shape, problems))?;
    Some(format!("Set<{inner}>"))
}

/// Values that are texts, all of them.
fn enumerated(values: &Node<'_>, problems: &mut Problems) -> bool {
    let items = values.items(problems).unwrap_or_default();
    let texts = items.iter().all(|item| item.value().as_str().is_some());
    if items.is_empty() || !texts {
        values.wrong::<()>(problems, "must be texts; other values have no Cedar type together");
        return false;
    }
    true
}

/// A name as Cedar writes it.
fn quoted(name: &str) -> String {
    let escaped = name.chars().flat_map(char::escape_debug);
    format!("\"{}\"", escaped.collect::<String>())
}

/// What says nothing about values.
const ANYWHERE: &[&str] = &[
    "type",
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$id",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    super::mirrored::KEYWORD,
];
/// What there is besides, by type: structure, and what narrows values further.
const OBJECT: &[&str] =
    &["properties", "required", "additionalProperties", "minProperties", "maxProperties"];
const ARRAY: &[&str] = &["items", "minItems", "maxItems", "uniqueItems"];
const STRING: &[&str] =
    &["enum", "minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"];
const INTEGER: &[&str] =
    &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"];

const NUMBER: &str = "has no Cedar type that takes both 1 and 1.5; say \"integer\" if fractions are \
     never sent, or leave input_schema out: policy then reads no argument of this tool";
const NULL: &str = "null has no Cedar form; leave the property out of `required` instead";
const ADDITIONAL: &str = "must be false or left out: arguments that are not declared are refused";
const ALTERNATIVES: &str = "declare one type for the property, or leave input_schema out";
const REFERENCE: &str = "write what it refers to in its place";
const UNTRANSLATABLE: &[(&str, &str)] = &[
    ("anyOf", ALTERNATIVES),
    ("oneOf", ALTERNATIVES),
    ("allOf", ALTERNATIVES),
    ("not", ALTERNATIVES),
    ("if", ALTERNATIVES),
    ("const", ALTERNATIVES),
    ("$ref", REFERENCE),
    ("$dynamicRef", REFERENCE),
    ("patternProperties", "declare each property by its name"),
    ("propertyNames", "declare each property by its name"),
    ("dependentSchemas", ALTERNATIVES),
    ("dependentRequired", ALTERNATIVES),
    ("prefixItems", "an array is a set of one type"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, read};

    fn made(schema: &str) -> Result<String, String> {
        let limits = Limits { bytes: 10_000, depth: 32, items: 1000 };
        let value = read(schema.as_bytes(), &limits).unwrap();
        let mut problems = Problems::default();
        let made = record_type(&Node::named(&value, "it"), &mut problems);
        let told: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
        made.filter(|_| told.is_empty()).ok_or(told.join("\n"))
    }

    #[test]
    fn what_both_have_is_translated() {
        for (schema, expected) in [
            (r#"{"type":"object"}"#, "{  }"),
            (
                r#"{"type":"object","properties":{"a":{"type":"string","maxLength":3},"b":{"type":"integer"},
                   "c d":{"type":"boolean","default":true},"e":{"enum":["x","y"]}},"required":["a"]}"#,
                r#"{ "a": String, "b"?: Long, "c d"?: Bool, "e"?: String }"#,
            ),
            (
                r#"{"type":"object","properties":{"to":{"type":"object","properties":{"n":{"type":"string"}},
                   "required":["n"],"additionalProperties":false},"s":{"type":"array","items":{"type":"array",
                   "items":{"type":"integer"}}},"q\"é":{"type":"string"}}}"#,
                r#"{ "to"?: { "n": String }, "s"?: Set<Set<Long>>, "q\"é"?: String }"#,
            ),
        ] {
            let made = made(schema).unwrap();
            assert_eq!(made, expected);
            let text = format!("type Input = {made};");
            assert!(cedar_policy::SchemaFragment::from_cedarschema_str(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn whatever_else_changes_what_is_taken_is_a_problem_where_it_is() {
        let inner = |schema: &str| format!(r#"{{"type":"object","properties":{{"p":{schema}}}}}"#);
        for (schema, at) in [
            (r#"{"type":"string"}"#.to_owned(), "it: must have the type"),
            ("{}".to_owned(), "it: has no type"),
            ("[]".to_owned(), "it: must be an object"),
            (inner(r#"{"type":"number"}"#), "it.properties.p.type: has no Cedar type that takes"),
            (inner(r#"{"type":["string","null"]}"#), "it.properties.p.type: must be one type"),
            (inner(r#"{"type":"null"}"#), "it.properties.p.type: null"),
            (inner(r#"{"type":"text"}"#), "it.properties.p.type: is no type"),
            (inner("true"), "it.properties.p: must be an object"),
            (inner(r#"{"anyOf":[{"type":"string"}]}"#), "it.properties.p.anyOf: has no Cedar type"),
            (inner(r##"{"$ref":"#/$defs/x"}"##), "it.properties.p.$ref: has no Cedar type"),
            (inner(r#"{"enum":["a",1]}"#), "it.properties.p.enum: must be texts"),
            (inner(r#"{"type":"string","enum":[]}"#), "it.properties.p.enum: must be texts"),
            (inner(r#"{"type":"array"}"#), "it.properties.p: has no items"),
            (
                inner(r#"{"type":"array","items":{"type":"number"}}"#),
                "it.properties.p.items.type: ",
            ),
            (
                inner(r#"{"type":"integer","minlength":3}"#),
                "it.properties.p.minlength: is not known",
            ),
            (
                inner(r#"{"type":"object","additionalProperties":{"type":"string"}}"#),
                "it.properties.p.additionalProperties: must be false",
            ),
            (r#"{"type":"object","required":["a"]}"#.to_owned(), "it.required[0]: is not one of"),
        ] {
            let told = made(&schema).unwrap_err();
            assert!(told.starts_with(at) && !told.contains('\n'), "{schema}: {told}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let schema = r#"{"type":"object","properties":{"a":{"type":"number"},"b":{},"c":{"type":"string"},
            "d":{"type":"array","items":{"oneOf":[]}}}}"#;
        assert_eq!(made(schema).unwrap_err().lines().count(), 3);
    }
}
