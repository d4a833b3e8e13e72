//! The client's certificate, as far as the host tells of it.
//!
//! Only the host's own word counts, and only when the configuration says that it is there: a header
//! is written by whoever sends the request (XFCC-1). Chains are verified by the host's listener, never
//! here (X5-2).

use crate::evidence::{Attribute, Head};

/// Who tells of certificates. The default: nobody, so there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateRules {
    /// Whether the host is asked for the certificate of the connection.
    pub(crate) connection: bool,
}

/// A certificate whose owner opened the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// SHA-256 of its DER.
    pub(super) digest: [u8; 32],
}

impl CertificateRules {
    /// What the host has to be asked.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        match self.connection {
            true => vec![Attribute::Mtls, Attribute::CertificateDigest],
            false => Vec::new(),
        }
    }
}

/// The certificate of the connection.
pub(super) fn read(head: &Head, rules: &CertificateRules) -> Option<Certificate> {
    let presented = head.attribute(&Attribute::Mtls) == Some(&[1]);
    if !(rules.connection && presented) {
        return None;
    }
    let digest = head.attribute(&Attribute::CertificateDigest).and_then(hexadecimal)?;
    Some(Certificate { digest })
}

/// Envoy writes lower case; a digest has one length.
fn hexadecimal(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Vec<u8> = text.chunks(2).map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let good = "0a".repeat(32);
        assert_eq!(hexadecimal(good.as_bytes()), Some([10; 32]));
        for bad in ["", "0a", &"0a".repeat(31), &"0a".repeat(33), &"0g".repeat(32), &"a".repeat(63)]
        {
            assert_eq!(hexadecimal(bad.as_bytes()), None, "{bad}");
        }
    }
}
