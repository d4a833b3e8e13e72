//! The types of inputs, and whether an input is of one.
//!
//! Taken from the schema that policies are validated against. Cedar's own check would turn the input into
//! an expression first, and look for entities that it can't hold: `value` makes none. Builds with debug
//! assertions ask Cedar too, for each input that fits and each that does not (`whole`).

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{EntityUid, Schema};
use cedar_policy_core::ast::{EntityUID, Literal, Value, ValueKind};
use cedar_policy_core::validator::ValidatorSchema;
use cedar_policy_core::validator::types::{BoolType, Type};

/// By action, where it declares an input.
pub(super) struct Inputs(HashMap<EntityUID, Arc<Type>>);

impl Inputs {
    pub(super) fn of(schema: &Schema) -> Self {
        let schema: &ValidatorSchema = schema.as_ref();
        let input = |context: &Type| match context {
            Type::Record { attrs, .. } => {
                attrs.get_attr("input").map(|input| Arc::clone(&input.attr_type))
            }
            _ => None,
        };
        let typed = schema
            .action_ids()
            .filter_map(|action| Some((action.name().clone(), input(action.context_type()?)?)));
        Self(typed.collect())
    }

    /// Whether every input of the action has a number of that name.
    pub(super) fn has_number(&self, action: &EntityUid, name: &str) -> bool {
        let Some(Type::Record { attrs, .. }) = self.0.get(action.as_ref()).map(|input| &**input)
        else {
            return false;
        };
        attrs.get_attr(name).is_some_and(|of| of.is_required && *of.attr_type == Type::Long)
    }

    /// Whether an input is what the action declares. An action that declares none has none.
    pub(super) fn admit(&self, action: &EntityUid, input: &Value) -> bool {
        self.0.get(action.as_ref()).is_some_and(|declared| fits(input, declared))
    }
}

/// No deeper than the declared type, which is as deep as a configuration may be.
fn fits(value: &Value, declared: &Type) -> bool {
    match (&value.value, declared) {
        (ValueKind::Lit(Literal::Bool(_)), Type::Bool(BoolType::AnyBool))
        | (ValueKind::Lit(Literal::Long(_)), Type::Long)
        | (ValueKind::Lit(Literal::String(_)), Type::String) => true,
        (ValueKind::Set(set), Type::Set { element_type: Some(element) }) => {
            set.authoritative.iter().all(|value| fits(value, element))
        }
        (ValueKind::Record(members), Type::Record { attrs, .. }) => {
            let mut declared = attrs.iter();
            declared.all(|(name, of)| !of.is_required || members.contains_key(name))
                && members.iter().all(|(name, value)| {
                    attrs.get_attr(name).is_some_and(|declared| fits(value, &declared.attr_type))
                })
        }
        (ValueKind::ExtensionValue(value), Type::ExtensionType { name }) => {
            value.typename() == *name
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::{Context, EntityId};
    use proptest::prelude::*;

    use super::super::{facts, value};
    use super::*;
    use crate::json;

    /// A type as a configuration declares it.
    fn types() -> impl Strategy<Value = String> {
        let plain = prop::sample::select(&["Long", "String", "Bool", "decimal"]);
        plain.prop_map(str::to_owned).prop_recursive(3, 12, 2, |inner| {
            prop_oneof![
                inner.clone().prop_map(|of| format!("Set<{of}>")),
                record(inner.clone().boxed()),
            ]
        })
    }

    fn record(of: BoxedStrategy<String>) -> impl Strategy<Value = String> {
        (of.clone(), any::<bool>(), of, any::<bool>()).prop_map(|(a, a_may, b, b_may)| {
            let mark = |may| if may { "?" } else { "" };
            format!("{{ a{}: {a}, b{}: {b} }}", mark(a_may), mark(b_may))
        })
    }

    /// Values that mostly look like such a type.
    fn values() -> impl Strategy<Value = String> {
        let plain = prop::sample::select(&["1", "\"x\"", "true", "0.5", "null", "[]", "{}"]);
        plain.prop_map(str::to_owned).prop_recursive(3, 12, 2, |inner| {
            let name = || prop::sample::select(&["a", "b", "c"]);
            let member = (name(), inner.clone());
            prop_oneof![
                (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, {b}]")),
                prop::collection::btree_map(member.0, member.1, 0..3).prop_map(|members| {
                    let members =
                        members.iter().map(|(name, value)| format!("\"{name}\": {value}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn an_input_fits_if_and_only_if_cedar_says_so(
            declared in record(types().boxed()),
            given in values(),
        ) {
            let text = format!(
                "entity A; action \"it\" appliesTo {{ principal: A, resource: A, context: {{ input: {declared} }} }};"
            );
            let (schema, _) = Schema::from_cedarschema_str(&text).unwrap();
            let limits = json::Limits { bytes: 4096, depth: 16, items: 1000 };
            let read = json::read(format!("{{\"input\": {given}}}").as_bytes(), &limits).unwrap();
            let Ok(record) = value::input(read.as_object().unwrap()) else { return Ok(()) };
            let ValueKind::Record(members) = &record.value else { return Err(TestCaseError::fail("no record")) };
            let input = members.get("input").unwrap();
            let action = EntityUid::from_type_name_and_id("Action".parse().unwrap(), EntityId::new("it"));
            let cedar = Context::from(facts::context([("input", input.clone())]));
            let cedar = cedar.validate(&schema, &action).is_ok();
            prop_assert_eq!(Inputs::of(&schema).admit(&action, input), cedar);
        }
    }
}
