//! base64url as RFC 7515 §2 has it: no padding, one spelling for each value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes, unless the text has padding, white space, a character of another alphabet, or bits
/// set in its last character that no byte uses. Without the last rule one token has many
/// spellings, and a thumbprint or deny-list that knows one misses the others (JWT-2).
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes a part of a longer text into a part of another: the number of bytes. Every part but the last has
/// a multiple of four characters.
pub(crate) fn decode_into(part: &[u8], out: &mut [u8]) -> Option<usize> {
    URL_SAFE_NO_PAD.decode_slice(part, out).ok()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_exactly_one_spelling() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(encode(&[0xff, 0xef]), "_-8");
        for other in ["_-8=", "/+8", "_-9", "_-_", " _-8", "_-8\n", "_-\n8", "_", "_-8%3D", "_-é"]
        {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
