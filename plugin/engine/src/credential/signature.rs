//! HTTP message signatures (RFC 9421): which there are, and what each of them signs.
//!
//! Of the derived components and header fields those are known that a request to a gateway has before its
//! body: `@method`, `@authority`, `@target-uri`, `@path`, `@query`, a whole field, or a member of a
//! dictionary by `key`. A signature over anything else is not verified, and so never holds (SIG-1).

use sfv::{BareItem, Dictionary, FieldType as _, InnerList, Item, ListEntry, Parameters, Parser};

use crate::decision::Reason;
use crate::evidence::{Head, Line, Once};

/// One signature of a request.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// The covered components and the parameters, as they were sent.
    input: InnerList,
    pub(super) bytes: Vec<u8>,
}

/// All of them. A header that is doubled or malformed, or a signature without its input, spoils the
/// whole: which of them was meant?
pub(super) fn read(head: &Head) -> Result<Vec<Signature>, Reason> {
    let dictionary = |name| match head.once(name) {
        Once::One(value) => Parser::new(value).parse::<Dictionary>().ok(),
        Once::Absent | Once::Many => None,
    };
    let malformed = Reason::SignatureMalformed;
    let inputs = dictionary("signature-input").ok_or(malformed)?;
    let mut signatures = dictionary("signature").ok_or(malformed)?;
    if inputs.len() != signatures.len() || inputs.len() > MAX_SIGNATURES {
        return Err(malformed);
    }
    let pair = |(label, input)| {
        let ListEntry::InnerList(input) = input else { return None };
        let label: &sfv::Key = &label;
        let ListEntry::Item(item) = signatures.swap_remove(label)? else { return None };
        let BareItem::ByteSequence(bytes) = item.bare_item else { return None };
        Some(Signature { input, bytes })
    };
    inputs.into_iter().map(pair).collect::<Option<_>>().ok_or(malformed)
}

impl Signature {
    /// A parameter that is a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        parameter(&self.input.params, name)?.as_string().map(|text| text.as_str().to_owned())
    }

    /// A parameter that is an instant: seconds since the Unix epoch.
    pub(super) fn seconds(&self, name: &str) -> Option<u64> {
        parameter(&self.input.params, name)?.as_integer()?.try_into().ok()
    }

    /// Whether a component is covered as a whole.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.key_of(name) == Some(None)
    }

    /// Whether a component is covered; and if only one member of it, which (`key`).
    #[allow(clippy::option_option, reason = "not covered, and covered whole, are two things")]
    pub(super) fn key_of(&self, name: &str) -> Option<Option<String>> {
        let item = self.input.items.iter().find(|item| text(item) == Some(name))?;
        match parameter(&item.params, "key") {
            None => Some(None),
            Some(key) => Some(Some(key.as_string()?.as_str().to_owned())),
        }
    }

    /// RFC 9421 §2.5: a line for each covered component, and one for the parameters. `None`: it covers
    /// something that is not there, comes twice, or is not known here.
    pub(super) fn base(&self, head: &Head, line: Line<'_>) -> Option<String> {
        let mut base = String::new();
        let mut seen = Vec::new();
        for item in &self.input.items {
            let identifier: String = item.serialize();
            if seen.contains(&identifier) || seen.len() >= MAX_COMPONENTS {
                return None;
            }
            base.push_str(&format!("{identifier}: {}\n", component(item, head, line)?));
            seen.push(identifier);
        }
        let parameters = vec![ListEntry::InnerList(self.input.clone())].serialize()?;
        base.push_str(&format!("\"@signature-params\": {parameters}"));
        Some(base)
    }
}

fn component(item: &Item, head: &Head, line: Line<'_>) -> Option<String> {
    let name = text(item)?;
    if item.params.len() > usize::from(parameter(&item.params, "key").is_some()) {
        return None;
    }
    let Some(derived) = name.strip_prefix('@') else { return field(name, item, head) };
    if !item.params.is_empty() {
        return None;
    }
    let (path, query) = line.path.split_once('?').unwrap_or((line.path, ""));
    match derived {
        "method" => Some(line.method.to_owned()),
        "authority" => Some(authority(line)),
        // A gateway that is spoken to in the clear is behind something that is not.
        "target-uri" => Some(format!("https://{}{}", authority(line), line.path)),
        "path" => Some(if path.is_empty() { "/".to_owned() } else { path.to_owned() }),
        "query" => Some(format!("?{query}")),
        _ => None,
    }
}

/// RFC 9421 §2.2.3: lower case, without the default port.
fn authority(line: Line<'_>) -> String {
    let authority = line.authority.to_ascii_lowercase();
    authority.strip_suffix(":443").map(str::to_owned).unwrap_or(authority)
}

/// RFC 9421 §2.1: every value trimmed, joined by a comma and a space; or one member (§2.1.2).
fn field(name: &str, item: &Item, head: &Head) -> Option<String> {
    let values: Option<Vec<&str>> =
        head.all(name).map(|value| std::str::from_utf8(value).ok().map(str::trim)).collect();
    let values = values.filter(|values| !values.is_empty())?;
    let whole = values.join(", ");
    let Some(key) = parameter(&item.params, "key") else { return Some(whole) };
    let key = key.as_string()?.as_str();
    let dictionary = Parser::new(&whole).parse::<Dictionary>().ok()?;
    let (_, member) = dictionary.into_iter().find(|(name, _)| name.as_str() == key)?;
    vec![member].serialize()
}

/// The text of one member of a dictionary.
pub(super) fn member(value: &str, key: &str) -> Option<String> {
    let dictionary = Parser::new(value).parse::<Dictionary>().ok()?;
    match dictionary.into_iter().find(|(name, _)| name.as_str() == key)? {
        (_, ListEntry::Item(item)) => text(&item).map(str::to_owned),
        (_, ListEntry::InnerList(_)) => None,
    }
}

/// A field that is one text.
pub(super) fn only_text(value: &str) -> Option<String> {
    let item = Parser::new(value).parse::<Item>().ok()?;
    text(&item).map(str::to_owned)
}

fn text(item: &Item) -> Option<&str> {
    item.bare_item.as_string().map(|text| text.as_str())
}

fn parameter<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p BareItem> {
    parameters.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
}

/// A bot needs one.
const MAX_SIGNATURES: usize = 8;
/// More than a request has that is worth signing.
const MAX_COMPONENTS: usize = 32;
