//! Policies that differ only in their name and in whom and what their scope names.
//!
//! A company with thousands of policies has written few of them and made the rest: one for each agent, one for
//! each team. A text is a sequence of tokens, and a string is one token whatever it says, so what Cedar and we
//! find of one policy is true of each that has another `@id` or another entity in its scope: parser, types and
//! `misuse` don't look at these, as no entity type of ours lists its ids (`enum`). But where an entity is an action, as its type depends on which (it stays part of
//! the shape); and where a string is not plain: what is escaped says something else than is written, and what
//! is not ASCII may look like another (Cedar warns of it). Teams are looked up by whoever loads.
//!
//! Builds with debug assertions parse and validate each policy all the same, and hold both against each other.

use cedar_policy::Policy;

use super::evaluation::Clause;
use super::scope::{Scope, Scopes};

/// The text of a policy, cut into its shape and what is its own.
pub(super) struct Cut<'t> {
    /// The text without the strings that are its own.
    shape: String,
    pub(super) id: &'t str,
    /// What principal and resource are held against, as far as they are against something.
    pub(super) named: Vec<&'t str>,
}

impl<'t> Cut<'t> {
    /// None: it has no name, or none of this is certain.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let (mut shape, mut id, mut named) = (String::with_capacity(text.len()), None, Vec::new());
        let mut rest = text;
        loop {
            let (before, after) = rest.split_once('"').unwrap_or((rest, ""));
            // From its conditions on, all of it is shape.
            if before.contains(['{', ';']) {
                shape.push_str(rest);
                return Some(Self { shape, id: id?, named });
            }
            // A comment may hold half a string.
            if before.contains("//") {
                return None;
            }
            let (string, after) = after.split_once('"')?;
            let is_id = before.ends_with("@id(") && id.is_none();
            let kind = before.strip_suffix("::").map(str::trim_end);
            let is_entity = kind.is_some_and(|kind| !kind.ends_with("Action"));
            let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
            if !string.bytes().all(plain) {
                return None;
            }
            shape.push_str(before);
            shape.push('"');
            match (is_id, is_entity) {
                (true, _) => id = Some(string),
                (_, true) => named.push(string),
                _ => shape.push_str(string),
            }
            shape.push('"');
            rest = after;
        }
    }
}

/// What is known of a policy.
#[derive(PartialEq)]
pub(super) struct Rule {
    pub(super) scope: Scope,
    pub(super) clause: Clause,
}

impl Rule {
    pub(super) fn of(policy: &Policy, scopes: &mut Scopes) -> Self {
        Self { scope: scopes.scope(policy), clause: Clause::of(policy) }
    }
}

/// What was found of policies, by their shapes: few, and all of them looked through.
#[derive(Default)]
pub(super) struct Shapes {
    known: Vec<(String, Rule)>,
    /// Which is forgotten first.
    oldest: usize,
}

impl Shapes {
    /// What was found of one with this shape.
    pub(super) fn get(&self, cut: &Cut<'_>) -> Option<&Rule> {
        self.known.iter().find(|(shape, _)| *shape == cut.shape).map(|(_, rule)| rule)
    }

    /// The policy that this was cut from, if one of its shape is known.
    pub(super) fn find(&self, cut: &Cut<'_>, scopes: &mut Scopes) -> Option<Rule> {
        let rule = self.get(cut)?;
        let scope = scopes.like(&rule.scope, &cut.named)?;
        Some(Rule { scope, clause: rule.clause.renamed(cut.id) })
    }

    /// Keeps what was found of a policy with this text.
    pub(super) fn learn(&mut self, cut: Cut<'_>, rule: Rule) {
        let named = rule.scope.named.iter().map(|named| named.id.as_str());
        // It is what the text was taken for.
        if rule.clause.id != cut.id || !named.eq(cut.named.iter().copied()) {
            return;
        }
        let known = (cut.shape, rule);
        match self.known.get_mut(self.oldest).filter(|_| self.oldest < MOST) {
            Some(oldest) => *oldest = known,
            None => self.known.push(known),
        }
        self.oldest = self.oldest.saturating_add(1);
        if self.oldest >= MOST {
            self.oldest = 0;
        }
    }
}

/// As many as somebody writes by hand; some kilobytes each.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use cedar_policy::PolicyId;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn shape(text: &str) -> Option<String> {
        Cut::of(text).map(|cut| cut.shape)
    }

    const ONE: &str =
        r#"@id("a") permit (principal == Agent::"b", action, resource) when { 1 == 1 };"#;

    #[test]
    fn a_name_and_whom_a_scope_names_are_no_part_of_a_shape_and_all_else_is() {
        let like = |text: &str| shape(text) == shape(ONE);
        assert!(shape(ONE).is_some());
        assert!(like(&ONE.replace("\"a\"", "\"an other\"")));
        assert!(like(&ONE.replace("\"b\"", "\"\"")));
        for (one, other) in [
            ("Agent", "Team"),
            ("==", "in"),
            ("permit", "forbid"),
            ("1 == 1", "1 == 2"),
            ("action", "action == Action::\"x\""),
            ("resource", "resource == Tool::\"x\""),
            ("@id", "@note(\"x\") @id"),
            (";", "// x\n;"),
        ] {
            assert!(!like(&ONE.replacen(one, other, 1)), "{other}");
        }
        for kind in ["Action::", "Action ::", "N::Action::"] {
            let text = |id| ONE.replace("action", &format!("action == {kind}\"{id}\""));
            assert_ne!(shape(&text("x")), shape(&text("y")), "{kind}");
        }
        let condition = |team| ONE.replace("1 == 1", &format!("principal in Team::\"{team}\""));
        assert_ne!(shape(&condition("x")), shape(&condition("y")));
    }

    #[test]
    fn what_is_not_plain_has_no_shape() {
        for own in ["\\n", "\\\"", "ä", "\u{202e}", "\n", "\u{7f}"] {
            assert_eq!(shape(&ONE.replace("\"b\"", &format!("\"{own}\""))), None, "{own:?}");
            assert_eq!(shape(&ONE.replace("\"a\"", &format!("\"{own}\""))), None, "{own:?}");
        }
        for text in ["", ";", "permit (principal, action, resource);", "@id(\"a\")", "@id(\"a"] {
            assert_eq!(shape(text), None, "{text}");
        }
        assert_eq!(shape(&ONE.replace("action", "// \"\naction")), None);
    }

    fn parsed(text: &str) -> Option<Policy> {
        Policy::parse(Some(PolicyId::new("p")), text).ok()
    }

    /// Texts of few pieces, so that many have the same shape.
    fn texts() -> impl Strategy<Value = String> {
        let id = || select(&["a", "b", "", "a b", "{", ";", "//", "::", "@id(", "a\\u{41}", "ä"]);
        let note = select(&["", "@note(\"a\")", "@note(\"@id(\")", "@n(\"{\") "]);
        let name = select(&["@id(", "@id( ", "@ id("]);
        let scope = select(&[
            "principal == Agent::\"ID\", action == Action::\"a\", resource",
            "principal in Team::\"ID\", action, resource == Tool::\"ID\"",
            "principal is Agent in Team:: \"ID\", action in [Action::\"a\", Action::\"b\"], resource",
            "principal, action == Action :: \"ID\", resource in Server::\"ID\"",
        ]);
        let end =
            select(&["", "when { principal == Agent::\"a\" }", "when { \"\\\"{\" == \"b\" }"]);
        (note, name, id(), scope, (id(), id()), end).prop_map(
            |(note, name, own, scope, (one, other), end)| {
                let scope = scope.replacen("ID", one, 1).replacen("ID", other, 1);
                format!("{note} {name}\"{own}\") permit ({scope}) {end};")
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_cut_from_a_known_shape_is_what_cedar_reads(
            texts in prop::collection::vec(texts(), 2..6),
        ) {
            let (mut shapes, mut scopes) = (Shapes::default(), Scopes::default());
            for text in &texts {
                let (Some(cut), Some(policy)) = (Cut::of(text), parsed(text)) else { continue };
                let rule = Rule::of(&policy, &mut scopes);
                if let Some(known) = shapes.find(&cut, &mut scopes) {
                    prop_assert!(known == rule, "{}", text);
                }
                shapes.learn(cut, rule);
            }
        }
    }
}
