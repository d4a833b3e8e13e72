//! Whose a session is (MCP-43, threats M1 to M3, M9).
//!
//! A session id is the upstream's, and whoever holds it is the session to that upstream. So the
//! caller never holds it alone: what it gets is the id together with a MAC over the id, the server, the
//! agent and the delegator. What comes back is checked against who asks now, and the upstream gets
//! its own id again. Ids of events are sealed alike, or `Last-Event-ID` would name another's stream.
//! No state is kept, so every worker and every gateway with the key can check it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::decision::Reason;
use crate::evidence::{Head, Once};
use crate::model::Actor;

/// `Mcp-Session-Id`.
pub(super) const SESSION: &str = "mcp-session-id";
/// `Last-Event-ID`.
pub(super) const LAST_EVENT: &str = "last-event-id";

/// The keys that session ids are sealed with. Immutable; made from the configuration.
#[derive(Clone, Default)]
pub(crate) struct Sealer(Vec<[u8; KEY_BYTES]>);

/// The sessions of one caller at one server.
#[derive(Clone)]
pub(crate) struct Sessions {
    sealer: Sealer,
    /// Whoever the caller is, in a form that no two callers share.
    whose: Vec<u8>,
    /// Its client has said that it can be led to a page.
    pages: bool,
}

/// What is sealed: the one never passes for the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sealed {
    Session,
    /// Of a client that can be led to a page.
    SessionWithPages,
    Event,
    /// The id of an A2A task or context.
    Id(IdKind),
}

/// Which of an A2A server's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdKind {
    Task,
    Context,
}

/// Changes to the request headers: the name, and what to say instead.
pub(crate) type Opened = Vec<(&'static str, Option<String>)>;

impl Sealer {
    /// Keys as the configuration writes them, base64url; the first one seals, all of them open.
    /// `None`: one that is no key.
    pub(crate) fn new(keys: &[&str]) -> Option<Self> {
        let key = |text: &&str| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
        keys.iter().map(key).collect::<Option<_>>().map(Self)
    }

    /// Whether there is no key, and so no session.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of that caller.
    pub(crate) fn of(&self, server: &str, actor: &Actor) -> Sessions {
        let delegator = actor.delegation.as_ref().map(|d| d.delegator.as_str());
        let mut whose = Vec::new();
        for part in [server, actor.agent.as_str()].into_iter().chain(delegator) {
            // Lengths first, or two callers could share one text.
            whose.extend_from_slice(&length(part));
            whose.extend_from_slice(part.as_bytes());
        }
        Sessions { sealer: self.clone(), whose, pages: false }
    }
}

impl Sessions {
    /// Opens what a head of the legacy era brings along. `required`: there has to be a session.
    pub(crate) fn open(&mut self, head: &Head, required: bool) -> Result<Opened, Reason> {
        let mut opened = Vec::new();
        for (name, what) in [(SESSION, Sealed::Session), (LAST_EVENT, Sealed::Event)] {
            match head.once(name) {
                Once::Absent => {}
                Once::One(text) => {
                    let mut plain = self.unsealed(what, text.trim());
                    if plain.is_none() && what == Sealed::Session {
                        plain = self.unsealed(Sealed::SessionWithPages, text.trim());
                        self.pages = plain.is_some();
                    }
                    opened.push((name, Some(plain.ok_or(Reason::SessionForeign)?)));
                }
                Once::Many => return Err(Reason::RequestMalformed),
            }
        }
        match opened.first() {
            Some((SESSION, _)) => Ok(opened),
            _ if required || !opened.is_empty() => Err(Reason::SessionMissing),
            _ => Ok(opened),
        }
    }

    /// 2026-07-28 has neither; an upstream that heeds them all the same must not see them (MCP-5).
    pub(crate) fn none(head: &Head) -> Opened {
        let there = |name: &&str| head.has(name);
        [SESSION, LAST_EVENT].into_iter().filter(there).map(|name| (name, None)).collect()
    }

    /// The session among what was opened.
    pub(crate) fn session(opened: &Opened) -> Option<&str> {
        let mut all = opened.iter();
        all.find_map(|(name, value)| value.as_deref().filter(|_| *name == SESSION))
    }

    /// Its client has said that it can be led to a page: the id of its session will say so.
    pub(crate) fn show_pages(&mut self) {
        self.pages = true;
    }

    /// Whether its client has said so.
    pub(crate) fn shows_pages(&self) -> bool {
        self.pages
    }

    /// What the caller gets in place of a session id; `None`: it can't be passed on.
    pub(crate) fn seal_session(&self, id: &str) -> Option<String> {
        self.seal(if self.pages { Sealed::SessionWithPages } else { Sealed::Session }, id)
    }

    /// The same for the id of an event.
    pub(crate) fn seal_event(&self, id: &str) -> Option<String> {
        self.seal(Sealed::Event, id)
    }

    /// The same for the id of an A2A task or context: whoever was not given it here does not have it.
    pub(crate) fn seal_id(&self, kind: IdKind, id: &str) -> Option<String> {
        self.seal(Sealed::Id(kind), id)
    }

    /// The server's own id, if it was sealed for this caller.
    pub(crate) fn open_id(&self, kind: IdKind, sealed: &str) -> Option<String> {
        self.unsealed(Sealed::Id(kind), sealed)
    }

    fn seal(&self, what: Sealed, id: &str) -> Option<String> {
        // MCP: visible ASCII only. An event id may be any text, but has to fit a header later.
        let fits = !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|b| b.is_ascii_graphic());
        let key = self.sealer.0.first().filter(|_| fits)?;
        let tag = self.mac(key, what, id)?.finalize().into_bytes();
        Some(format!("{}.{id}", URL_SAFE_NO_PAD.encode(tag)))
    }

    fn unsealed(&self, what: Sealed, text: &str) -> Option<String> {
        let (tag, id) = text.split_once('.')?;
        if id.len() > MAX_ID {
            return None;
        }
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // In constant time, whichever key it is.
        let fits = |key: &[u8; KEY_BYTES]| {
            self.mac(key, what, id).is_some_and(|mac| mac.verify_slice(&tag).is_ok())
        };
        self.sealer.0.iter().any(fits).then(|| id.to_owned())
    }

    fn mac(&self, key: &[u8], what: Sealed, id: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(match what {
            Sealed::Session => b"deputy mcp session 1\0",
            Sealed::SessionWithPages => b"deputy mcp session 2\0",
            Sealed::Event => b"deputy mcp event 1\0\0\0",
            Sealed::Id(IdKind::Task) => b"deputy a2a task 1\0\0\0\0",
            Sealed::Id(IdKind::Context) => b"deputy a2a context 1\0",
        });
        mac.update(&length(id));
        mac.update(id.as_bytes());
        mac.update(&self.whose);
        Some(mac)
    }
}

fn length(text: &str) -> [u8; 8] {
    u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes()
}

/// That of HMAC-SHA-256's output (RFC 2104 §3).
const KEY_BYTES: usize = 32;
/// Bytes of an id of the upstream. A UUID has 36, and headers of some kilobytes get lost on the way.
const MAX_ID: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PrincipalId;

    fn actor(agent: &str, delegator: Option<&str>) -> Actor {
        let id = |text: &str| PrincipalId::parse(text).unwrap();
        let delegation =
            delegator.map(|d| crate::model::Delegation { delegator: id(d), prior: Vec::new() });
        Actor { agent: id(agent), delegation }
    }

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer(keys.iter().map(|k| [*k; KEY_BYTES]).collect())
    }

    #[test]
    fn a_session_is_its_callers_alone() {
        let of = |server: &str, agent: &str, delegator: Option<&str>| {
            sealer(&[1]).of(server, &actor(agent, delegator))
        };
        let mine = of("orders", "https://i#bot", Some("https://i#dana"));
        let sealed = mine.seal_session("s-1").unwrap();
        assert_eq!(mine.unsealed(Sealed::Session, &sealed).as_deref(), Some("s-1"));
        assert_eq!(mine.unsealed(Sealed::Event, &sealed), None);
        for other in [
            of("orders", "https://i#bot2", Some("https://i#dana")),
            of("orders", "https://i#bot", Some("https://i#lee")),
            of("orders", "https://i#bot", None),
            of("archive", "https://i#bot", Some("https://i#dana")),
        ] {
            assert_eq!(other.unsealed(Sealed::Session, &sealed), None);
        }
    }

    #[test]
    fn nothing_else_opens() {
        let mine = sealer(&[1]).of("orders", &actor("https://i#bot", None));
        let sealed = mine.seal_session("s-1").unwrap();
        let tag = sealed.split('.').next().unwrap();
        for bad in ["", "s-1", ".s-1", "AAAA.s-1", &format!("{tag}.s-2"), &format!("{tag}."), tag] {
            assert_eq!(mine.unsealed(Sealed::Session, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_can_be_changed_without_ending_sessions() {
        let who = actor("https://i#bot", None);
        let sealed = sealer(&[1]).of("orders", &who).seal_session("s-1").unwrap();
        let open = |keys: &[u8]| sealer(keys).of("orders", &who).unsealed(Sealed::Session, &sealed);
        assert_eq!(open(&[2, 1]).as_deref(), Some("s-1"));
        assert_eq!(open(&[2]), None);
        assert_eq!(open(&[]), None);
    }

    #[test]
    fn what_is_no_session_id_is_not_sealed() {
        let mine = sealer(&[1]).of("orders", &actor("https://i#bot", None));
        for bad in ["", "a b", "a\nb", "é", &"x".repeat(MAX_ID + 1)] {
            assert_eq!(mine.seal_session(bad), None, "{bad:?}");
        }
        assert_eq!(sealer(&[]).of("orders", &actor("https://i#bot", None)).seal_session("s"), None);
    }
}
