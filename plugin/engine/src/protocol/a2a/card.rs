//! An agent card on its way to a client: what the agent says of itself, held against what is configured.
//!
//! It loses the skills that the caller could not be permitted to use and those nobody has declared. Where the
//! agent is reached is this gateway's to say, or a card would lead around it (M17). A signature over what it
//! was (A2A-5) would be wrong now, so there is none; clients trust the gateway's TLS.

use std::collections::BTreeSet;

use super::endpoint::A2aParts;
use super::{Version, limits};
use crate::json::{Object, Raw, Value, is_alias};
use crate::protocol::list::{Judge, Withheld};

/// What is known of a card beforehand.
#[derive(Debug, Default)]
pub(crate) struct CardRules {
    name: Option<String>,
    /// `supportedInterfaces`, as text.
    interfaces: String,
    /// Where JSON-RPC is.
    json_rpc: Option<String>,
}

impl CardRules {
    pub(super) fn of(parts: &A2aParts) -> Self {
        let url = |path: &String| Some(format!("{}{path}", parts.origin.as_ref()?));
        let mut interfaces = Vec::new();
        for version in [Version::V1_0, Version::V0_3] {
            if !parts.versions.contains(&version) {
                continue;
            }
            let mut add = |path: &Option<String>, binding: &str| {
                let Some(url) = path.as_ref().and_then(url) else { return };
                let mut interface = Object::of([
                    ("url", url.into()),
                    ("protocolBinding", binding.into()),
                    ("protocolVersion", version.as_str().into()),
                ]);
                if let Some(tenant) = &parts.tenant {
                    interface.set("tenant", tenant.as_str().into());
                }
                interfaces.push(Value::Object(interface));
            };
            add(&parts.json_rpc, "JSONRPC");
            if !version.is_legacy() {
                add(&parts.http_json, "HTTP+JSON");
            }
        }
        Self {
            name: parts.name.clone(),
            interfaces: Value::Array(interfaces).to_text(),
            json_rpc: parts.json_rpc.as_ref().and_then(url),
        }
    }

    /// The card as this caller may see it.
    pub(super) fn shown(&self, card: Raw<'_>, judge: &mut dyn Judge) -> Result<String, Withheld> {
        card.check(&limits(card.text().len()))?;
        if !card.text().starts_with('{') {
            return Err(Withheld::NotACard);
        }
        let members = card.members()?;
        if members.iter().any(|(name, _)| passes_for_another(name)) {
            return Err(Withheld::NotACard);
        }
        let named = members.iter().find(|(name, _)| name == "name").map(|(_, value)| *value);
        let named = named.and_then(text).ok_or(Withheld::NotACard)?;
        if self.name.as_ref().is_some_and(|name| *name != named) {
            return Err(Withheld::OtherAgent);
        }
        let (mut parts, mut reached) = (Vec::new(), false);
        for (name, value) in &members {
            let value = match &**name {
                "signatures" | "additionalInterfaces" => continue,
                "skills" => skills(*value, judge)?,
                "supportedInterfaces" => {
                    reached = true;
                    self.interfaces.clone()
                }
                // 0.3.
                "url" => {
                    reached = true;
                    let url = self.json_rpc.as_deref().ok_or(Withheld::OtherAgent)?;
                    Value::from(url).to_text()
                }
                "preferredTransport" => Value::from("JSONRPC").to_text(),
                _ => value.text().to_owned(),
            };
            parts.push(format!("{}:{value}", Value::from(&**name).to_text()));
        }
        if reached { Ok(format!("{{{}}}", parts.join(","))) } else { Err(Withheld::NotACard) }
    }
}

/// Whether some reader takes it for a member that is looked at here, and nobody here does: Go ignores case
/// (CVE-2026-27896), and ProtoJSON has `supported_interfaces` for `supportedInterfaces` as well.
fn passes_for_another(name: &str) -> bool {
    let joined: String = name.chars().filter(|c| *c != '_').collect();
    JUDGED.iter().any(|judged| *judged != name && (joined == *judged || is_alias(&joined, judged)))
}

fn skills(skills: Raw<'_>, judge: &mut dyn Judge) -> Result<String, Withheld> {
    if !skills.text().starts_with('[') {
        return Err(Withheld::NotACard);
    }
    let skills = skills.elements()?;
    if skills.len() > MAX_SKILLS {
        return Err(Withheld::TooMany);
    }
    let mut seen = BTreeSet::new();
    let mut stay = Vec::new();
    for skill in skills {
        let members = skill.text().starts_with('{').then(|| skill.members()).transpose()?;
        let id = members.into_iter().flatten().find(|(name, _)| name == "id");
        let Some(id) = id.and_then(|(_, id)| text(id)) else { continue };
        if judge.shows_skill(&id) && seen.insert(id) {
            stay.push(skill.text());
        }
    }
    Ok(format!("[{}]", stay.join(",")))
}

fn text(raw: Raw<'_>) -> Option<String> {
    raw.value(&limits(raw.text().len())).ok()?.as_str().map(str::to_owned)
}

/// Members that say who it is, where, and what it does.
const JUDGED: [&str; 7] = [
    "name",
    "url",
    "skills",
    "signatures",
    "supportedInterfaces",
    "additionalInterfaces",
    "preferredTransport",
];
/// Each costs up to four evaluations.
const MAX_SKILLS: usize = 500;
