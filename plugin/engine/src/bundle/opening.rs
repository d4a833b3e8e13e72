//! Opening a document in steps, so that no caller waits for one of megabytes: its signature first, then its
//! contents, in the room that the document takes.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{MAX_BYTES, NotOpened, Signers};
use crate::json::{self, Limits, Object, Value};
use crate::trust::{Piecemeal, base64url};

/// A document that is being opened.
pub(crate) struct Opening {
    /// As it came; from its beginning, what has been decoded.
    body: Vec<u8>,
    /// Everything that is signed. None: it was, by whom it says.
    unchecked: Option<(Piecemeal, Range<usize>)>,
    /// What is left to decode.
    encoded: Range<usize>,
    decoded: usize,
    digest: Sha256,
}

impl Opening {
    /// Looks at its form, and finds the key.
    pub(crate) fn new(body: Vec<u8>, typ: &str, signers: &Signers) -> Result<Self, NotOpened> {
        if body.len() > MAX_BYTES {
            return Err(NotOpened::TooLong);
        }
        let text = body.trim_ascii_end();
        let ends = text.iter().rposition(|byte| *byte == b'.').ok_or(NotOpened::Form)?;
        let begins = text.iter().take(MAX_HEADER_BYTES).position(|byte| *byte == b'.');
        let begins = begins.filter(|begins| *begins < ends).ok_or(NotOpened::Form)?;
        let header = text.get(..begins).and_then(header_of).ok_or(NotOpened::Form)?;
        let member = |name| header.get(name).and_then(Value::as_str).ok_or(NotOpened::Form);
        let (alg, key_id, found) = (member("alg")?, member("kid")?, member("typ")?);
        // What else a header says changes what is signed, or how; none of it is understood here.
        if header.iter().count() != 3 {
            return Err(NotOpened::Form);
        }
        if found != typ {
            return Err(NotOpened::Type);
        }
        let algorithm = signers.algorithms.named(alg).ok_or(NotOpened::Algorithm)?;
        let key = signers.keys.find(Some(key_id), algorithm).map_err(|_| NotOpened::Key)?;
        let signature = text.get(ends.saturating_add(1)..).and_then(decoded);
        let checking = Piecemeal::new(&key, &signature.ok_or(NotOpened::Form)?);
        let unchecked = Some((checking.ok_or(NotOpened::Signature)?, 0..ends));
        let encoded = begins.saturating_add(1)..ends;
        Ok(Self { body, unchecked, encoded, decoded: 0, digest: Sha256::new() })
    }

    /// Does some of the work: whether all of it is done.
    pub(crate) fn step(&mut self) -> Result<bool, NotOpened> {
        let Some((checking, left)) = &mut self.unchecked else { return self.decode() };
        let part = next(left);
        checking.update(self.body.get(part).unwrap_or_default());
        if Range::is_empty(left)
            && let Some((checking, _)) = self.unchecked.take()
            && !checking.holds()
        {
            return Err(NotOpened::Signature);
        }
        Ok(false)
    }

    /// The contents and their SHA-256, once all of the work is done. Not the signature's: an ECDSA signature
    /// has a twin that anybody can make, and one document may be signed again.
    pub(crate) fn contents(mut self) -> (Vec<u8>, String) {
        let digest = base64url::encode(&self.digest.finalize());
        self.body.truncate(self.decoded);
        self.body.shrink_to_fit();
        (self.body, digest)
    }

    fn decode(&mut self) -> Result<bool, NotOpened> {
        if self.encoded.is_empty() {
            return Ok(true);
        }
        let part = self.body.get(next(&mut self.encoded)).unwrap_or_default().to_vec();
        // Never past what has been read: four characters are three bytes, and before them is a header.
        let out = self.body.get_mut(self.decoded..).unwrap_or_default();
        let length = base64url::decode_into(&part, out).ok_or(NotOpened::Form)?;
        let until = self.decoded.saturating_add(length);
        self.digest.update(self.body.get(self.decoded..until).unwrap_or_default());
        self.decoded = until;
        Ok(false)
    }
}

/// Takes the next part off its front.
fn next(left: &mut Range<usize>) -> Range<usize> {
    let end = left.start.saturating_add(STEP).min(left.end);
    let part = left.start..end;
    left.start = end;
    part
}

fn header_of(part: &[u8]) -> Option<Object> {
    json::read(&decoded(part)?, &HEADER_LIMITS).ok()?.as_object().cloned()
}

fn decoded(part: &[u8]) -> Option<Vec<u8>> {
    base64url::decode(std::str::from_utf8(part).ok()?)
}

/// About half a millisecond of hashing. A multiple of four, for decoding.
const STEP: usize = 64 << 10;
const MAX_HEADER_BYTES: usize = 1024;
const HEADER_LIMITS: Limits = Limits { bytes: MAX_HEADER_BYTES, depth: 2, items: 16 };
