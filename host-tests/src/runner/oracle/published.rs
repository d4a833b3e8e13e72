//! What every public document is like: an answer without a decision, a receipt, or an upstream.

use super::{Judged, header};
use crate::runner::{secrets, subset};

pub(super) fn judge(judged: &Judged<'_>, found: &mut Vec<String>) {
    let (expect, seen) = (judged.expect(), judged.seen);
    if !seen.receipts.is_empty() {
        found.push(format!("a public document has a receipt: {:?}", seen.receipts));
    }
    if let Some(message) = &seen.upstream {
        found.push(format!("the upstream saw {:?}", message.headers));
    }
    let Some(answer) = &seen.client else {
        found.push("the client got no answer".to_owned());
        return;
    };
    let status = expect.status.unwrap_or(200);
    if answer.status != status {
        found.push(format!("status: expected {status}, got {}", answer.status));
    }
    let json = &"application/json".into();
    found.extend(header("content-type", json, answer.all("content-type")));
    for (name, value) in &expect.reply_headers {
        found.extend(header(name, value, answer.all(name)));
    }
    let text = String::from_utf8_lossy(&answer.body.0);
    // A host that has sent no content, as it must not, has sent the right one.
    let is_head = judged.exchange.header(":method") == Some(b"HEAD");
    let unsent = is_head && answer.body.0.is_empty();
    if let Some(expected) = expect.reply.as_ref().filter(|_| !unsent) {
        subset::compare(expected, serde_json::from_str(&text).ok().as_ref(), "reply", found);
    }
    let said = [text.as_ref()].into_iter().chain(seen.logs.iter().map(String::as_str));
    for text in said {
        if judged.expected.tokens.iter().any(|token| secrets::leaks(token, text)) {
            found.push(format!("a token is in {text:?}"));
        }
    }
}
