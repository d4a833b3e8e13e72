//! The newest revision of a signed document that any worker has taken, as a host's store keeps it.
//!
//! All workers raise one value and none lowers it, so it needs no question and no answer: what is read
//! and what is known are joined, and the higher one stays. Not here: what is refused by it (`renewal`).

/// Revision and digest of a document. Of two with one revision the digest decides which is the newer
/// one, so that all workers agree on one of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Newest {
    pub(crate) revision: u64,
    /// SHA-256 in base64url.
    pub(crate) digest: String,
}

impl Newest {
    /// What was kept, if anything was yet.
    ///
    /// # Errors
    /// The bytes are not what [`Newest::encode`] writes, or no document could say so.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, Foreign> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Foreign)?;
        if rest.is_empty() {
            return Ok(None);
        }
        let (revision, digest) = rest.split_first_chunk::<8>().ok_or(Foreign)?;
        let revision = u64::from_le_bytes(*revision);
        let letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        // One value that no bundle can reach would stop all of them for good.
        if revision > LAST_REVISION || digest.len() != DIGEST_CHARS || !digest.iter().all(letter) {
            return Err(Foreign);
        }
        let digest = String::from_utf8(digest.to_vec()).map_err(|_| Foreign)?;
        Ok(Some(Self { revision, digest }))
    }

    pub(crate) fn encode(newest: Option<&Self>) -> Vec<u8> {
        let Some(Self { revision, digest }) = newest else { return MAGIC.to_vec() };
        [MAGIC, &revision.to_le_bytes(), digest.as_bytes()].concat()
    }
}

/// Bytes that somebody else wrote, or that are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign;

/// The first bytes of every value; the digit is the version of the form.
const MAGIC: &[u8] = b"deputy1n";
const DIGEST_CHARS: usize = 43;
/// JSON numbers are exact up to here (RFC 7493 §2.2): as in the configuration.
const LAST_REVISION: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let newest = Newest { revision: 7, digest: "a".repeat(43) };
        let bytes = Newest::encode(Some(&newest));
        assert_eq!(Newest::decode(&bytes), Ok(Some(newest.clone())));
        assert_eq!(Newest::decode(&Newest::encode(None)), Ok(None));
        let far = Newest { revision: u64::MAX, ..newest.clone() };
        let spoilt = Newest { digest: "\n".repeat(43), ..newest };
        let [far, spoilt] = [far, spoilt].map(|newest| Newest::encode(Some(&newest)));
        let longer = [&bytes[..], b"a"].concat();
        for bad in [&b""[..], b"deputy1", &bytes[1..], &bytes[..58], &longer, &far, &spoilt] {
            assert_eq!(Newest::decode(bad), Err(Foreign), "{bad:?}");
        }
    }

    #[allow(clippy::arithmetic_side_effects, reason = "clippy excuses functions, not macros")]
    mod any {
        use super::*;

        proptest! {
            #[test]
            fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
                let _ = Newest::decode(&bytes);
                let _ = Newest::decode(&[MAGIC, &bytes].concat());
            }
        }
    }
}
