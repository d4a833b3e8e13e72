//! Question and answer of Envoy's `verify_signature`: two small protobuf messages
//! (`source/extensions/common/wasm/ext/verify_signature.proto`).
//!
//! The call's own status is `Ok` for a wrong signature too, so only the answer counts.

use deputy_engine::HostCheck;

/// `hash_function` = 1, `public_key` = 2, `signature` = 3, `text` = 4, all of them bytes or text.
pub(crate) fn argument(check: &HostCheck<'_>) -> Option<Vec<u8>> {
    let fields = [b"sha256".as_slice(), check.public_key, check.signature, check.message];
    let mut message = Vec::new();
    for (number, field) in (1_u8..).zip(fields) {
        message.push(number << 3 | LENGTH_DELIMITED);
        varint(u32::try_from(field.len()).ok()?, &mut message);
        message.extend_from_slice(field);
    }
    Some(message)
}

/// `result` = 1, a bool that is not written when false; `error` = 2, a text. Anything else is no
/// answer.
pub(crate) fn verdict(mut message: &[u8]) -> Option<bool> {
    let mut holds = false;
    while let Some((tag, rest)) = message.split_first() {
        message = match (tag >> 3, tag & 7) {
            (1, VARINT) => {
                let (value, rest) = rest.split_first()?;
                holds = match value {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
                rest
            }
            (2, LENGTH_DELIMITED) => {
                let (size, rest) = read_varint(rest)?;
                rest.split_at_checked(size)?.1
            }
            _ => return None,
        };
    }
    Some(holds)
}

fn varint(mut number: u32, to: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return to.push(low & 0x7f);
        }
        to.push(low | 0x80);
    }
}

/// At most three bytes: an error text is no two megabytes.
fn read_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (i, byte) in bytes.iter().take(3).enumerate() {
        number |= usize::from(byte & 0x7f) << (7_usize.checked_mul(i)?);
        if *byte < 0x80 {
            return Some((number, bytes.get(i.checked_add(1)?..)?));
        }
    }
    None
}

const VARINT: u8 = 0;
const LENGTH_DELIMITED: u8 = 2;

#[cfg(test)]
mod tests {
    use deputy_engine::HostAlgorithm;

    use super::*;

    #[test]
    fn an_argument_is_four_fields_in_order() {
        let long = vec![7; 300];
        let algorithm = HostAlgorithm::Es256;
        let check = HostCheck { algorithm, public_key: b"k", signature: b"", message: &long };
        let expected = [b"\x0a\x06sha256\x12\x01k\x1a\x00\x22\xac\x02".as_slice(), &long].concat();
        assert_eq!(argument(&check), Some(expected));
    }

    #[test]
    fn only_an_answer_that_is_read_whole_is_an_answer() {
        assert_eq!(verdict(b""), Some(false));
        assert_eq!(verdict(b"\x08\x01"), Some(true));
        assert_eq!(verdict(b"\x08\x00"), Some(false));
        assert_eq!(verdict(b"\x12\x03bad"), Some(false));
        assert_eq!(verdict(b"\x08\x01\x12\x00"), Some(true));
        let long = [b"\x12\xac\x02".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(verdict(&long), Some(false));
        for bad in [
            b"\x08".as_slice(),
            b"\x08\x02",
            b"\x08\x81\x00",
            b"\x12\x04bad",
            b"\x12\xff\xff\xff\xff\x0f",
            b"\x18\x01",
            b"\x09\x01",
            b"yes",
        ] {
            assert_eq!(verdict(bad), None, "{bad:?}");
        }
    }
}
