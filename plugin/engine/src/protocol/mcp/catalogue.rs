//! What an MCP server offers, as configured. Whatever is not here does not exist.

use std::collections::{BTreeMap, BTreeSet};

use super::drift::Drift;
use super::mirrored::Mirrored;

/// The tools, resources and prompts of one server. Names are compared byte for byte (threats J7).
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) tools: BTreeMap<String, ToolEntry>,
    pub(crate) resources: Resources,
    pub(crate) prompts: BTreeSet<String>,
    /// Of an A2A agent.
    pub(crate) skills: BTreeMap<String, ToolEntry>,
}

/// One tool, or one skill.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolEntry {
    /// Whether it declares a type for its arguments, or for the data of its messages, so that policy may read them.
    pub(crate) typed_input: bool,
    /// The arguments that headers repeat; none: they have no type, and who knows what headers repeat.
    pub(crate) mirrored: Option<Vec<Mirrored>>,
    /// The digest of its definition as it was when somebody looked at it, if it is pinned.
    pub(crate) pin: Option<String>,
    /// The server has shown another definition since (threats M13).
    pub(crate) drifted: Drift,
}

/// Resources by URI, and families of them by the beginning of their URIs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resources {
    pub(crate) exact: BTreeSet<String>,
    /// Each with `*` behind it, as policies name the family.
    pub(crate) prefixes: BTreeSet<String>,
}

impl Catalogue {
    /// The tool of that name.
    pub(crate) fn tool(&self, name: &str) -> Option<&ToolEntry> {
        self.tools.get(name)
    }

    /// Whether there is a prompt of that name.
    pub(crate) fn has_prompt(&self, name: &str) -> bool {
        self.prompts.contains(name)
    }

    /// The declared resource that a URI belongs to: the one that is that URI or, if it can't lead
    /// out of there, the longest beginning of it.
    pub(crate) fn resource(&self, uri: &str) -> Option<&str> {
        let exact = self.resources.exact.get(uri).map(String::as_str);
        exact.or_else(|| self.family(uri, uri))
    }

    /// The same for an RFC 6570 template: what is before its first expression is all that is known
    /// of the URIs it makes, and an expression may make anything of the rest.
    pub(crate) fn template(&self, template: &str) -> Option<&str> {
        let known = template.split('{').next().unwrap_or_default();
        let exact = self.resources.exact.get(template).map(String::as_str);
        exact.or_else(|| self.family(template, known))
    }

    fn family(&self, whole: &str, known: &str) -> Option<&str> {
        if !stays_below(whole) {
            return None;
        }
        let covers = |p: &&String| p.strip_suffix('*').is_some_and(|p| known.starts_with(p));
        let longest = self.resources.prefixes.iter().filter(covers).max_by_key(|p| p.len());
        longest.map(String::as_str)
    }
}

/// Whether no server could take the URI for one outside the beginning it has (threats M12): there is
/// no `..`, no backslash, no control character or space, and none of these percent-encoded, nor a
/// slash or a percent sign.
fn stays_below(uri: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '\\';
    uri.chars().all(plain) && !uri.contains("..") && !uri.split('%').skip(1).any(is_disguise)
}

/// What comes after a percent sign, if it hides a character that the rule above is about.
fn is_disguise(rest: &str) -> bool {
    let hex = rest.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let hides = |b: u8| matches!(b, b'.' | b'/' | b'\\' | b'%' | 0..=0x20 | 0x7f);
    hex.is_none_or(hides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let set = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        let resources = Resources {
            exact: set(&["orders://a..b", "orders://items/7", "orders://items/{id}"]),
            prefixes: set(&["orders://items/*", "orders://items/secret/*", "urn:x:*"]),
        };
        Catalogue { resources, ..Catalogue::default() }
    }

    #[test]
    fn a_uri_is_the_declared_one_or_below_a_declared_beginning() {
        let catalogue = catalogue();
        for (uri, declared) in [
            ("orders://items/7", Some("orders://items/7")),
            ("orders://a..b", Some("orders://a..b")),
            ("orders://items/8", Some("orders://items/*")),
            ("orders://items/secret/8", Some("orders://items/secret/*")),
            ("orders://items/caf%C3%A9?x=1#y", Some("orders://items/*")),
            ("urn:x:1", Some("urn:x:*")),
            ("orders://items", None),
            ("Orders://items/8", None),
            ("orders://other/8", None),
            ("file:///etc/passwd", None),
            ("", None),
        ] {
            assert_eq!(catalogue.resource(uri), declared, "{uri}");
        }
    }

    #[test]
    fn a_uri_that_could_lead_out_of_its_beginning_is_none() {
        for rest in [
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "%2e%2e/x",
            "%2E./x",
            "a%2fb",
            "a%5cb",
            "a\\b",
            "a\nb",
            "a b",
            "%00",
            "%252e",
            "a%",
            "a%2",
            "a%zz",
            "a\u{85}b",
            "a%0ab",
        ] {
            let uri = format!("orders://items/{rest}");
            assert_eq!(catalogue().resource(&uri), None, "{uri:?}");
        }
    }

    #[test]
    fn a_template_belongs_where_all_its_uris_do() {
        let catalogue = catalogue();
        for (template, declared) in [
            ("orders://items/{id}", Some("orders://items/{id}")),
            ("orders://items/{id}/x", Some("orders://items/*")),
            ("orders://items/secret/{+path}", Some("orders://items/secret/*")),
            ("orders://{+path}", None),
            ("{+uri}", None),
        ] {
            assert_eq!(catalogue.template(template), declared, "{template}");
        }
    }
}
