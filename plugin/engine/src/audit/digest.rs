//! The digest of a request's arguments or of a tool's definition: SHA-256 over RFC 8785 canonical
//! JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::json::{Object, canonical};

/// `sha-256:` and base64url. The reader admits only I-JSON numbers, so that different integers
/// never share a canonical form (APP-23). None only if the canonicaliser fails, which it can't on
/// a value the reader made.
pub(crate) fn json_digest(arguments: &Object) -> Option<String> {
    let canonical = canonical::to_vec(arguments)?;
    Some(format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, read};

    fn digest(text: &str) -> String {
        let limits = Limits { bytes: 1000, depth: 8, items: 100 };
        let value = read(text.as_bytes(), &limits).unwrap();
        json_digest(value.as_object().unwrap()).unwrap()
    }

    #[test]
    fn the_digest_is_over_canonical_json() {
        let args = r#"{"amount_minor":1250000,"currency":"EUR","memo":"Q4 – invoice 77","to_account":"DE02100100109307118603"}"#;
        assert_eq!(digest(args), "sha-256:oCcq6U7OJu2xkLSgWAjeqxzvf1emMRdlVEhWIyu2NAk");
        let other = args.replace("1250000", "1250001");
        assert_eq!(digest(&other), "sha-256:K-jyy5xdHQ_uA1eYRKq72I2jTTOgjmDDTuRG1w3zQng");
        assert_eq!(digest(r#"{"a":1,"b":2}"#), digest(r#"{ "b":2, "a":1 }"#));
        assert_ne!(digest(r#"{"a":1}"#), digest(r#"{"a":"1"}"#));
    }
}
