//! What a host says of a connection, as opposed to what a client says in its headers.
//!
//! Values are the bytes of Envoy's attributes. Another host hands over the same bytes or nothing; it
//! never fills them from the request.

/// An attribute of the connection that a request came on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// `connection.mtls`: one byte, 1 if the peer presented a certificate. Says nothing about whether
    /// its chain was verified (ENV-2).
    Mtls,
    /// `connection.sha256_peer_certificate_digest`: SHA-256 of the certificate's DER, hexadecimal.
    CertificateDigest,
    /// `connection.uri_san_peer_certificate`: the first URI of the certificate's alternative names,
    /// and only that (ENV-1).
    FirstUri,
    /// An object of the filter state, by its key.
    FilterState(String),
}

impl Attribute {
    /// The path joined by dots: a name for hosts without paths.
    #[must_use]
    pub fn name(&self) -> String {
        self.path().join(".")
    }

    /// The path of the property in Envoy.
    #[must_use]
    pub fn path(&self) -> Vec<&str> {
        match self {
            Self::Mtls => vec!["connection", "mtls"],
            Self::CertificateDigest => vec!["connection", "sha256_peer_certificate_digest"],
            Self::FirstUri => vec!["connection", "uri_san_peer_certificate"],
            Self::FilterState(key) => vec!["filter_state", key],
        }
    }
}
