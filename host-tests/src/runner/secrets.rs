//! Looking for what must not get out.

/// Whether some long enough piece of the token is in the text.
pub(super) fn leaks(token: &str, text: &str) -> bool {
    token.split('.').any(|part| part_leaks(part, text))
}

/// Pieces overlap by half, so that whatever is half as long again can't slip between two.
fn part_leaks(part: &str, text: &str) -> bool {
    let bytes = part.as_bytes();
    let starts = (0..bytes.len().saturating_sub(PIECE - 1)).step_by(PIECE / 2).take(MOST);
    starts.filter_map(|start| part.get(start..start + PIECE)).any(|piece| text.contains(piece))
}

/// Shorter pieces of base64url occur by chance.
const PIECE: usize = 20;
/// Enough of a token a megabyte long.
const MOST: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_any_part_is_a_leak() {
        let token = format!("{}.{}.{}", "a1".repeat(30), "b2c3".repeat(40), "d4e5f6".repeat(15));
        assert!(!leaks(&token, "a receipt with a hash: sha-256:b2c3b2c3"));
        for part in token.split('.') {
            assert!(leaks(&token, &format!("see {} there", part.get(7..45).unwrap())));
        }
        assert!(!leaks("short.token.x", "short.token.x"));
    }
}
