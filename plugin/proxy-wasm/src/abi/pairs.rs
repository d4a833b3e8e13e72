//! How the ABI writes a header map: a count, the sizes of every name and value, then the bytes of
//! each, closed by a zero. All numbers are 32 bit, little endian.
//!
//! Names and values are bytes. Whether they are text is for the engine to say.

/// A header map in the order the host holds it, duplicates kept.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads a map; nothing if the host wrote it in another way.
pub(crate) fn decode(map: &[u8]) -> Option<Pairs> {
    if map.is_empty() {
        return Some(Pairs::new());
    }
    let (count, rest) = number(map)?;
    // The sizes must be there before anything is allocated for them.
    let (mut sizes, mut bytes) = rest.split_at_checked(count.checked_mul(PAIR_SIZES)?)?;
    let mut pairs = Pairs::with_capacity(count);
    while !sizes.is_empty() {
        let (name, value);
        (name, sizes) = number(sizes)?;
        (value, sizes) = number(sizes)?;
        let (name_bytes, value_bytes);
        (name_bytes, bytes) = closed(bytes, name)?;
        (value_bytes, bytes) = closed(bytes, value)?;
        pairs.push((name_bytes.to_vec(), value_bytes.to_vec()));
    }
    Some(pairs)
}

/// Writes a map; nothing if a size does not fit 32 bits.
pub(crate) fn encode(pairs: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let mut map = Vec::new();
    map.extend_from_slice(&u32::try_from(pairs.len()).ok()?.to_le_bytes());
    for (name, value) in pairs {
        map.extend_from_slice(&u32::try_from(name.len()).ok()?.to_le_bytes());
        map.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
    }
    for (name, value) in pairs {
        map.extend_from_slice(name);
        map.push(0);
        map.extend_from_slice(value);
        map.push(0);
    }
    Some(map)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

/// The first `size` bytes, after which a zero must follow.
fn closed(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (wanted, rest) = bytes.split_at_checked(size)?;
    match rest.split_first()? {
        (0, rest) => Some((wanted, rest)),
        _ => None,
    }
}

/// Two sizes of four bytes.
const PAIR_SIZES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        encode(&[(b"x-a", b"1"), (b"x-a", b"\xff\xfe\0"), (b"", b"")]).unwrap()
    }

    #[test]
    fn duplicates_order_and_bytes_survive() {
        let pairs = decode(&sample()).unwrap();
        let expected: [(&[u8], &[u8]); 3] = [(b"x-a", b"1"), (b"x-a", b"\xff\xfe\0"), (b"", b"")];
        let expected = expected.map(|(n, v)| (n.to_vec(), v.to_vec()));
        assert_eq!(pairs, expected);
    }

    #[test]
    fn an_empty_map_is_no_bytes_or_a_zero_count() {
        assert_eq!(decode(b""), Some(vec![]));
        assert_eq!(decode(&encode(&[]).unwrap()), Some(vec![]));
    }

    #[test]
    fn a_map_that_is_cut_off_anywhere_is_refused() {
        let map = sample();
        for end in 1..map.len() {
            assert_eq!(decode(&map[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_size_that_lies_is_refused_and_allocates_nothing() {
        let map = sample();
        for at in 0..28 {
            let mut lie = map.clone();
            lie[at] ^= 0x80;
            assert_eq!(decode(&lie), None, "{at}");
        }
        assert_eq!(decode(&u32::MAX.to_le_bytes()), None);
    }
}
