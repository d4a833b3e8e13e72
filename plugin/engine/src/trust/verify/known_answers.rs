//! Signatures everybody knows (RFC 7515 Appendix A), to see whether a host computes as we do.
//!
//! A host has to say yes to the signature, and no to it over another message and to another
//! signature over the message: one that always says yes, or always no, is found out.

use super::by_host::{HostAlgorithm, HostFitness, HostVerifier, ask};
use crate::trust::algorithm::{Algorithm, Algorithms};
use crate::trust::base64url;
use crate::trust::jwk::Key;
use crate::trust::key_set::KeySet;

/// A key set of one key, and a compact JWS by it.
struct KnownAnswer {
    keys: &'static str,
    algorithm: Algorithm,
    message: &'static str,
    signature: &'static str,
}

/// Asks for the answers of that algorithm.
pub(super) fn probe(host: &dyn HostVerifier, algorithm: HostAlgorithm) -> HostFitness {
    let known = match algorithm {
        HostAlgorithm::Es256 => &ES256,
        HostAlgorithm::Rs256 => &RS256,
    };
    // Not to be had: the answers are constants, and a test reads them.
    let Some((key, signature)) = known.read() else { return HostFitness::Missing };
    let mut other = signature.clone();
    if let Some(last) = other.last_mut() {
        *last ^= 1;
    }
    let message = known.message.as_bytes();
    let (_, shorter) = message.split_last().unwrap_or((&0, &[]));
    let answers = [(message, &signature), (shorter, &signature), (message, &other)]
        .map(|(message, signature)| ask(host, &key, message, signature, |_| true));
    match answers {
        [Some(true), Some(false), Some(false)] => HostFitness::Used,
        [None, None, None] => HostFitness::Missing,
        _ => HostFitness::Wrong,
    }
}

impl KnownAnswer {
    fn read(&self) -> Option<(std::rc::Rc<Key>, Vec<u8>)> {
        let allowed = Algorithms::new([self.algorithm].into(), false);
        let keys = KeySet::parse(self.keys.as_bytes(), &allowed).ok()?;
        Some((keys.find(None, self.algorithm).ok()?, base64url::decode(self.signature)?))
    }
}

/// RFC 7515 A.3.
const ES256: KnownAnswer = KnownAnswer {
    keys: concat!(
        r#"{"keys":[{"kty":"EC","crv":"P-256","#,
        r#""x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
        r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
    ),
    algorithm: Algorithm::Es256,
    message: concat!(
        "eyJhbGciOiJFUzI1NiJ9.",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    ),
    signature: concat!(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA",
        "pmWQxfKTUJqPP3-Kg6NU1Q",
    ),
};

/// RFC 7515 A.2.
const RS256: KnownAnswer = KnownAnswer {
    keys: concat!(
        r#"{"keys":[{"kty":"RSA","e":"AQAB","n":""#,
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp",
        "-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOW",
        "vG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs",
        "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k",
        "G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2",
        r#"PAcDTW9gb54h4FRWyuXpoQ"}]}"#,
    ),
    algorithm: Algorithm::Rs256,
    message: concat!(
        "eyJhbGciOiJSUzI1NiJ9.",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    ),
    signature: concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7",
        "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4",
        "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K",
        "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv",
        "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB",
        "p0igcN_IoypGlUPQGe77Rw",
    ),
};
