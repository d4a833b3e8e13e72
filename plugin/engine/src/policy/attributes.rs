//! Attributes of agents and humans that a configuration declares: what they are called, of which
//! type they are, and their values.

use std::collections::BTreeMap;

use cedar_policy::{EntityId, RestrictedExpression};

use crate::json::Value;

/// The declared attributes of one kind of principal, by name.
pub(crate) type AttributeTypes = BTreeMap<String, AttributeType>;

/// Of which type an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeType {
    Text,
    Integer,
    Flag,
    Texts,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Text(String),
    Integer(i64),
    Flag(bool),
    Texts(Vec<String>),
}

impl AttributeType {
    const ALL: [Self; 4] = [Self::Text, Self::Integer, Self::Flag, Self::Texts];

    /// As Cedar writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Integer => "Long",
            Self::Flag => "Bool",
            Self::Texts => "Set<String>",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The names of all, for a message.
    pub(crate) fn known() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The value, if it is of this type.
    pub(crate) fn value(self, value: &Value) -> Option<Attribute> {
        match self {
            Self::Text => value.as_str().map(|text| Attribute::Text(text.to_owned())),
            Self::Integer => value.as_integer().map(Attribute::Integer),
            Self::Flag => value.as_bool().map(Attribute::Flag),
            Self::Texts => {
                let texts = value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().map(Attribute::Texts)
            }
        }
    }
}

impl Attribute {
    fn expression(&self) -> RestrictedExpression {
        let text = |text: &String| RestrictedExpression::new_string(text.clone());
        match self {
            Self::Text(value) => text(value),
            Self::Integer(value) => RestrictedExpression::new_long(*value),
            Self::Flag(value) => RestrictedExpression::new_bool(*value),
            Self::Texts(values) => RestrictedExpression::new_set(values.iter().map(text)),
        }
    }
}

/// The values as one record.
pub(super) fn record(
    attributes: &BTreeMap<String, Attribute>,
) -> Result<RestrictedExpression, String> {
    let fields = attributes.iter().map(|(name, value)| (name.clone(), value.expression()));
    RestrictedExpression::new_record(fields).map_err(|e| e.to_string())
}

/// The declared types as a Cedar record type.
pub(super) fn record_type(types: &AttributeTypes) -> String {
    let field = |(name, kind): (&String, &AttributeType)| {
        format!("\"{}\"?: {}", EntityId::new(name).escaped(), kind.name())
    };
    format!("{{ {} }}", types.iter().map(field).collect::<Vec<_>>().join(", "))
}
