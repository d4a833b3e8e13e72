//! The client's certificate, as far as the host tells of it, and the SPIFFE id in it (X.509-SVID).
//!
//! Only the host's own word counts, and only when the configuration says that it is there: a header
//! is written by whoever sends the request (XFCC-1). Chains are verified by the host's listener, never
//! here (X5-2), so the operator has to say that it does. Not here: the syntax of the header (`xfcc`).

use std::rc::Rc;

use super::binding::Bound;
use super::{Kind, Place, Proof, Rules, Verified, workload, xfcc};
use crate::decision::Reason;
use crate::evidence::{Attribute, Head};
use crate::model::WorkloadId;
use crate::trust::base64url;

/// Verified by the host, so there is nothing to compute here.
pub(super) const KIND: Kind = Kind {
    name: "x509-svid",
    place: Place::Certificate,
    from: "`client_certificates.uris`, and `trust_domains` that accept it",
    proves: "the workload (the one URI in its alternative names), as the agent that lists its id, or as itself",
    bound: "the TLS connection",
    rules: "X5-1, X5-2, ENV-1, ENV-2, XFCC-1…3: the listener verifies chains, and the operator says so",
    verify: None,
};

/// Who tells of certificates. The default: nobody, so there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateRules {
    /// Whether the host is asked for the certificate of the connection.
    pub(crate) connection: bool,
    /// Who tells of all its URIs; the host's own attribute is only the first (ENV-1). None: they are
    /// not looked at, and a certificate identifies nobody.
    pub(crate) uris: Option<Uris>,
}

/// Who tells of the URIs among a certificate's alternative names.
#[derive(Clone, Debug)]
pub(crate) enum Uris {
    /// The host itself, in the filter state of that key: all of them, joined by commas.
    FilterState(String),
    /// The host itself, in `x-forwarded-client-cert`, in place of what a client sends.
    Ours,
    /// A proxy in front, in the last element of the same header. Its own certificate, on the
    /// connection to us, has this URI, and it says so in the element (`By`).
    Proxy(String),
}

/// A certificate whose owner opened the connection, or was vouched for by the proxy that did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// SHA-256 of its DER.
    pub(super) digest: [u8; 32],
    /// The one SPIFFE id in it, if it identifies a workload here.
    pub(super) workload: Option<WorkloadId>,
}

impl Certificate {
    /// Whose it is: a workload's, which gets a new one every few hours, or nobody's but its own.
    pub(super) fn client(&self) -> String {
        match &self.workload {
            Some(workload) => workload.as_str().to_owned(),
            None => base64url::encode(&self.digest),
        }
    }
}

impl CertificateRules {
    /// What the host has to be asked.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        if !self.connection {
            return Vec::new();
        }
        let mut all = vec![Attribute::Mtls, Attribute::CertificateDigest];
        match &self.uris {
            None => {}
            Some(Uris::FilterState(key)) => all.push(Attribute::FilterState(key.clone())),
            Some(Uris::Ours | Uris::Proxy(_)) => all.push(Attribute::FirstUri),
        }
        all
    }
}

/// The certificate that counts. TLS comes first: a header that says something else is refused, not
/// weighed (XFCC-3, X4).
pub(super) fn read(head: &Head, rules: &CertificateRules) -> Result<Option<Certificate>, Reason> {
    if !rules.connection {
        return Ok(None);
    }
    let refused = Reason::CertificateRefused;
    let own = own_digest(head, rules.uris.is_some())?;
    match (&rules.uris, own) {
        (None, own) => Ok(own.map(|digest| Certificate { digest, workload: None })),
        (Some(Uris::FilterState(key)), own) => {
            let uris = head.attribute(&Attribute::FilterState(key.clone())).unwrap_or_default();
            match own {
                Some(digest) => Ok(Some(Certificate { digest, workload: only_uri(uris)? })),
                None if uris.is_empty() => Ok(None),
                None => Err(refused),
            }
        }
        (Some(Uris::Ours), own) => match (own, xfcc::last(head)?) {
            (None, None) => Ok(None),
            (Some(digest), None) => Ok(Some(Certificate { digest, workload: None })),
            (None, Some(_)) => Err(refused),
            (Some(digest), Some(element)) => {
                let uri = element.uri.as_deref().unwrap_or_default().as_bytes();
                let first = head.attribute(&Attribute::FirstUri).unwrap_or_default();
                if uri != first || element.hash.is_some_and(|hash| hash != digest) {
                    return Err(refused);
                }
                Ok(Some(Certificate { digest, workload: only_uri(uri)? }))
            }
        },
        (Some(Uris::Proxy(proxy)), own) => {
            let Some(element) = xfcc::last(head)? else { return Ok(None) };
            let first = head.attribute(&Attribute::FirstUri);
            let from_proxy = own.is_some() && first == Some(proxy.as_bytes());
            if !from_proxy || element.by.as_ref() != Some(proxy) {
                return Err(refused);
            }
            // What it says of a client without a certificate identifies nobody.
            let Some(digest) = element.hash else { return Ok(None) };
            let uri = element.uri.as_deref().unwrap_or_default().as_bytes();
            Ok(Some(Certificate { digest, workload: only_uri(uri)? }))
        }
    }
}

/// What the certificate proves, if it is an SVID of a domain that may identify by certificate.
pub(super) fn verified(
    certificate: &Certificate,
    rules: &Rules,
) -> Result<Option<Verified>, Reason> {
    let Some(id) = &certificate.workload else { return Ok(None) };
    if rules.domain(id, KIND.name).is_none() {
        return Err(Reason::IssuerUnknown);
    }
    let digest = base64url::encode(&certificate.digest);
    let thumbprint: Rc<str> = format!("sha-256:{digest}").into();
    let proof = Proof {
        kind: KIND.name,
        issuer: id.domain_issuer(),
        content: thumbprint.clone(),
        thumbprint,
        key_thumbprint: None,
        expires: None,
        jti: None,
        issued: None,
        status: None,
        bound: Some(Bound::by_tls(digest)),
    };
    Ok(Some(workload::alone(id, proof, rules)))
}

/// The digest of the connection's certificate. One that is to identify somebody and can't be named is
/// refused: it would not be found again in a record. For tokens to be bound to, it is none.
fn own_digest(head: &Head, identifies: bool) -> Result<Option<[u8; 32]>, Reason> {
    if head.attribute(&Attribute::Mtls) != Some(&[1]) {
        return Ok(None);
    }
    let digest = head.attribute(&Attribute::CertificateDigest).and_then(hexadecimal);
    match digest {
        None if identifies => Err(Reason::CertificateRefused),
        digest => Ok(digest),
    }
}

/// X5-1: exactly one URI. A comma is two of them, joined: no SPIFFE id has one. A certificate with a
/// URI of another scheme, or none, is no SVID.
fn only_uri(uris: &[u8]) -> Result<Option<WorkloadId>, Reason> {
    let refused = Reason::CertificateRefused;
    let uris = std::str::from_utf8(uris).map_err(|_| refused)?;
    if uris.contains(',') {
        return Err(refused);
    }
    let spiffe = uris.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"));
    if !spiffe {
        return Ok(None);
    }
    WorkloadId::spiffe(uris).map(Some).map_err(|_| refused)
}

/// Envoy writes lower case; a digest has one length.
pub(super) fn hexadecimal(text: &[u8]) -> Option<[u8; 32]> {
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

    #[test]
    fn a_certificate_names_one_workload_or_none() {
        let read = |text: &str| only_uri(text.as_bytes()).map(|id| id.is_some());
        assert_eq!(read("spiffe://acme.example/refund-bot"), Ok(true));
        for other in ["", "https://acme.example", "urn:uuid:1", "spif"] {
            assert_eq!(read(other), Ok(false), "{other}");
        }
        for bad in [
            "spiffe://acme.example/a,spiffe://acme.example/b",
            "spiffe://acme.example/a,https://x",
            "https://x,spiffe://acme.example/a",
            "spiffe://acme.example",
            "SPIFFE://acme.example/a",
            "spiffe://acme.example/a\0.evil",
        ] {
            assert_eq!(read(bad), Err(Reason::CertificateRefused), "{bad}");
        }
    }
}
