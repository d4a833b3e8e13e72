//! What the approval service says: read strictly, and what is not understood is no approval (APP-7).

use crate::fetch::FetchReply;
use crate::json::{self, Limits, Object, Value};

/// The state of a request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody has decided yet; the end of the address of its page.
    Pending(String),
    /// Somebody has said yes: a signed statement, still unread.
    Approved(String),
    /// It was unused, and is used from now on.
    Used,
    /// Somebody has said no.
    Denied,
    /// As many requests of this agent wait as may.
    TooMany,
    /// No answer, or none that is understood: why, for the operator.
    Unavailable(String),
}

impl Answer {
    pub(crate) fn read(reply: FetchReply) -> Self {
        let FetchReply::Answered { status, body, .. } = reply else {
            return Self::Unavailable("no answer".to_owned());
        };
        if status == 429 {
            return Self::TooMany;
        }
        let said = match status {
            200 | 202 => object(&body),
            _ => return Self::Unavailable(format!("status {status}")),
        };
        let answer = said.and_then(|said| Self::of(status, &said));
        answer.unwrap_or_else(|| Self::Unavailable(format!("status {status}, not as specified")))
    }

    fn of(status: u16, said: &Object) -> Option<Self> {
        let text = |name| said.get(name).and_then(Value::as_str);
        match (status, text("status")?) {
            (202, "pending") => text("ticket")
                .filter(|ticket| is_ticket(ticket))
                .map(|t| Self::Pending(t.to_owned())),
            (200, "approved") => text("approval").map(|text| Self::Approved(text.to_owned())),
            (200, "used") => Some(Self::Used),
            (200, "denied") => Some(Self::Denied),
            _ => None,
        }
    }
}

fn object(body: &[u8]) -> Option<Object> {
    match json::read(body, &LIMITS).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// It becomes part of an address that is told to a client: letters, digits, `-` and `_`, and at least
/// as many as 128 bits take.
fn is_ticket(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (22..=MAX_TICKET_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

/// A signed approval has about one KiB.
pub(super) const MAX_BYTES: usize = 16 << 10;
const LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 4, items: 64 };
const MAX_TICKET_BYTES: usize = 256;
