//! Header lists: Envoy's map semantics over ordered byte pairs, and the ABI's serialized form.
//!
//! Names are lower-cased as Envoy's codecs do; values keep every byte, valid UTF-8 or not.

/// One header: name and value, as bytes.
pub type Pair = (Vec<u8>, Vec<u8>);

/// `pairs([("a", "1")])`: header pairs from anything made of bytes.
pub fn pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(list: impl IntoIterator<Item = (N, V)>) -> Vec<Pair> {
    list.into_iter()
        .map(|(name, value)| (name.as_ref().to_vec(), value.as_ref().to_vec()))
        .collect()
}

/// An ordered header map with duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    entries: Vec<Pair>,
}

impl HeaderMap {
    /// Takes the pairs in order. A name that Envoy keeps inline is joined with a comma.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let mut map = Self::default();
        for (name, value) in pairs {
            map.add(&name, &value);
        }
        map
    }

    /// Every pair in order.
    pub fn pairs(&self) -> &[Pair] {
        &self.entries
    }

    /// The first value of `name`.
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.entries
            .iter()
            .find(|pair| pair.0.eq_ignore_ascii_case(name))
            .map(|pair| pair.1.as_slice())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.entries
            .iter()
            .filter(move |pair| pair.0.eq_ignore_ascii_case(name))
            .map(|pair| pair.1.as_slice())
    }

    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        if is_inline(&name)
            && let Some((_, present)) = self.entries.iter_mut().find(|pair| pair.0 == name)
        {
            present.push(b',');
            present.extend_from_slice(value);
            return;
        }
        let end = self.entries.len();
        let place = if name.starts_with(b":") { self.pseudo_end() } else { end };
        self.entries.insert(place, (name, value.to_vec()));
    }

    pub(super) fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        self.entries.retain(|pair| !pair.0.eq_ignore_ascii_case(name));
    }

    fn pseudo_end(&self) -> usize {
        self.entries.iter().take_while(|pair| pair.0.starts_with(b":")).count()
    }
}

fn is_inline(name: &[u8]) -> bool {
    name.starts_with(b":") || INLINE.iter().any(|inline| inline.as_bytes() == name)
}

/// Names whose duplicates Envoy joins before the plugin sees them, as observed in 1.40
/// (`tests/envoy.rs`). `connection`, `upgrade` and the `x-` names are not observed, because Envoy
/// rewrites them on arrival; they are in its static list.
const INLINE: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "referer",
    "te",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// The ABI's form: count, all lengths, then every name and value NUL-terminated.
pub(super) fn encode_pairs(pairs: &[Pair]) -> Vec<u8> {
    let mut bytes = length(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend(length(name.len()));
        bytes.extend(length(value.len()));
    }
    for part in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(part);
        bytes.push(0);
    }
    bytes
}

/// The reverse. Anything malformed is no pairs at all, as in proxy-wasm-cpp-host.
pub(super) fn decode_pairs(bytes: &[u8]) -> Vec<Pair> {
    if bytes.len() > PAIRS_MAX_BYTES { Vec::new() } else { read_pairs(bytes).unwrap_or_default() }
}

fn read_pairs(bytes: &[u8]) -> Option<Vec<Pair>> {
    let (count, mut rest) = read_length(bytes)?;
    if count > PAIRS_MAX_COUNT {
        return None;
    }
    let mut sizes = Vec::with_capacity(count);
    for _ in 0..count {
        let (name, after) = read_length(rest)?;
        let (value, after) = read_length(after)?;
        sizes.push((name, value));
        rest = after;
    }
    let mut pairs = Vec::with_capacity(count);
    for (name, value) in sizes {
        let (name, after) = read_part(rest, name)?;
        let (value, after) = read_part(after, value)?;
        pairs.push((name, value));
        rest = after;
    }
    rest.is_empty().then_some(pairs)
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head) as usize, rest))
}

fn read_part(bytes: &[u8], size: usize) -> Option<(Vec<u8>, &[u8])> {
    let (part, rest) = bytes.split_at_checked(size)?;
    rest.strip_prefix(&[0]).map(|rest| (part.to_vec(), rest))
}

fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).expect("a header list under 4 GiB").to_le_bytes()
}

/// proxy-wasm-cpp-host limits.h: what a guest may hand over as pairs.
const PAIRS_MAX_BYTES: usize = 1 << 20;
const PAIRS_MAX_COUNT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_the_abi_form_byte_for_byte() {
        let list = pairs([(&b"x-b"[..], &b"\xff\xfe\0"[..]), (b"", b""), (b"x-b", b"2")]);
        assert_eq!(decode_pairs(&encode_pairs(&list)), list);
    }

    #[test]
    fn malformed_pairs_are_no_pairs() {
        let mut bytes = encode_pairs(&pairs([("a", "b")]));
        bytes.push(0);
        assert!(decode_pairs(&bytes).is_empty());
        assert!(decode_pairs(&[255; 4]).is_empty());
        assert!(decode_pairs(&[]).is_empty());
    }

    #[test]
    fn inline_names_are_joined_and_others_stay_apart() {
        let map = HeaderMap::new(pairs([
            ("Authorization", "A"),
            ("dpop", "1"),
            ("authorization", "B"),
            ("dpop", "2"),
        ]));
        assert_eq!(map.pairs(), pairs([("authorization", "A,B"), ("dpop", "1"), ("dpop", "2")]));
    }

    #[test]
    fn replace_removes_every_duplicate() {
        let mut map = HeaderMap::new(pairs([("x", "1"), ("y", "2"), ("X", "3")]));
        map.replace(b"X", b"4");
        assert_eq!(map.pairs(), pairs([("y", "2"), ("x", "4")]));
    }
}
