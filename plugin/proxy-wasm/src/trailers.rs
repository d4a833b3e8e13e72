//! Which request trailers an upstream must not see.
//!
//! Trailers are never evidence, and nobody judges them. RFC 9110 §6.5.1 forbids senders to put
//! credentials and routing there and recipients to read trailers as headers; nothing enforces it.

/// Whether an upstream that merges trailers into headers would take this one for a header that was
/// removed, set or compared here; also one that folds `_` into `-`.
pub(crate) fn speaks_as_header(name: &[u8]) -> bool {
    let fold = |b: &u8| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    let folded: Vec<u8> = name.iter().map(fold).collect();
    HEADERS_ONLY.iter().any(|prefix| folded.starts_with(prefix))
}

/// Prefixes of names that are ours to set, carry a credential, or were compared with the body.
const HEADERS_ONLY: [&[u8]; 4] = [b"x-deputy-", b"authorization", b"cookie", b"mcp-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_says_neither_who_asks_nor_what_for() {
        for name in ["x-deputy-agent", "X_Deputy-Agent", "Authorization", "mcp_name", "MCP-Method"]
        {
            assert!(speaks_as_header(name.as_bytes()), "{name}");
        }
        for name in ["x-amz-checksum-sha256", "grpc-status", "x-deput", "x-mcp-name", ""] {
            assert!(!speaks_as_header(name.as_bytes()), "{name}");
        }
    }
}
