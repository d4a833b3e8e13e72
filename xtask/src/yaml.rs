//! JSON as YAML that a person likes to read. Only writing; the reading side is Envoy's.
//!
//! Order is kept, texts of several lines become blocks, what fits on a line stays on it. Every other
//! text is quoted as in JSON, which YAML reads the same way.

use std::fmt::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

const WIDTH: usize = 108;

/// A JSON document whose members keep their order.
pub(crate) enum Node {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("JSON without null and without fractions")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(member) = members.next_entry()? {
            map.push(member);
        }
        Ok(Node::Map(map))
    }
}

impl Node {
    /// As a block that stands `indent` columns in.
    pub(crate) fn to_yaml(&self, indent: usize) -> String {
        let mut out = String::new();
        self.block(indent, &mut out);
        out
    }

    fn block(&self, indent: usize, out: &mut String) {
        let margin = " ".repeat(indent);
        match self {
            Self::Scalar(_) => unwritten(writeln!(out, "{margin}{}", self.flow())),
            Self::List(items) => {
                for item in items {
                    let mut inner = String::new();
                    item.member("-", indent, &mut inner);
                    out.push_str(&inner);
                }
            }
            Self::Map(members) => {
                for (name, value) in members {
                    value.member(&format!("{name}:"), indent, out);
                }
            }
        }
    }

    /// `name: value` or `- value`, on one line if it fits there.
    fn member(&self, lead: &str, indent: usize, out: &mut String) {
        let margin = " ".repeat(indent);
        if let Some(text) = self.lines() {
            unwritten(writeln!(out, "{margin}{lead} |"));
            for line in text.lines() {
                let line = if line.is_empty() { String::new() } else { format!("{margin}  {line}") };
                unwritten(writeln!(out, "{line}"));
            }
            return;
        }
        let flow = self.flow();
        if self.is_flat() && indent + lead.len() + flow.len() < WIDTH {
            unwritten(writeln!(out, "{margin}{lead} {flow}"));
        } else if lead == "-" {
            let mut inner = String::new();
            self.block(indent + 2, &mut inner);
            unwritten(write!(out, "{margin}- {}", inner.trim_start()));
        } else {
            unwritten(writeln!(out, "{margin}{lead}"));
            self.block(indent + 2, out);
        }
    }

    /// The text, if it has more than one line.
    fn lines(&self) -> Option<&str> {
        match self {
            Self::Scalar(Value::String(text)) if text.contains('\n') => Some(text),
            _ => None,
        }
    }

    /// Whether it reads well on one line: no lists of maps, no blocks of text.
    fn is_flat(&self) -> bool {
        match self {
            Self::Scalar(_) => self.lines().is_none(),
            Self::List(items) => items.iter().all(|item| matches!(item, Self::Scalar(_))),
            Self::Map(members) => members.iter().all(|(_, value)| value.is_flat()),
        }
    }

    fn flow(&self) -> String {
        match self {
            Self::Scalar(value) => value.to_string(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::flow).collect::<Vec<_>>().join(", "))
            }
            Self::Map(members) if members.is_empty() => "{}".to_owned(),
            Self::Map(members) => {
                let member = |(name, value): &(String, Node)| format!("{name}: {}", value.flow());
                format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A `String` takes everything.
fn unwritten(result: std::fmt::Result) {
    debug_assert!(result.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_readable_yaml() {
        let json = r#"{"version":1,"agents":[{"id":"a#b","teams":["x"]},{"id":"c"}],"keys":{"fetch":{"path":"/jwks"}},
                       "files":[{"name":"p.cedar","text":"permit\n\n(x);\n"}],"tools":[]}"#;
        let node: Node = serde_json::from_str(json).unwrap();
        let yaml = "  version: 1\n  agents:\n  - ".to_owned();
        let expected = yaml.replace("agents:\n  - ", "agents:\n")
            + "    - { id: \"a#b\", teams: [\"x\"] }\n    - { id: \"c\" }\n  keys: { fetch: { path: \"/jwks\" } }\n"
            + "  files:\n    - name: \"p.cedar\"\n      text: |\n        permit\n\n        (x);\n  tools: []\n";
        assert_eq!(node.to_yaml(2), expected);
    }
}
