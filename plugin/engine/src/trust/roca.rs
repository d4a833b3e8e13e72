//! Recognises RSA moduli of the ROCA weakness (CVE-2017-15361): smart cards that built their primes
//! as `k·M + (65537^a mod M)`, which makes the key factorable.
//!
//! Such a modulus is a power of 65537 modulo every small prime. The primes here are those where
//! that says something; a random modulus passes all of them about once in 2^28.

/// Whether the modulus (big-endian) has the fingerprint.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    // Both primes and remainders are below 256, so nothing here passes 2^16.
    let step = |rest: u32, byte: &u8| {
        rest.wrapping_mul(256).wrapping_add(u32::from(*byte)).checked_rem(prime).unwrap_or(0)
    };
    number.iter().fold(0, step)
}

fn is_power_of_65537(number: u32, prime: u32) -> bool {
    // Below 2^8 times below 2^17.
    let next = |power: &u32| power.wrapping_mul(65_537).checked_rem(prime);
    let powers = std::iter::successors(Some(1), next);
    powers.take(prime as usize).any(|power| power == number)
}

/// From the authors' detector (<https://github.com/crocs-muni/roca>): below 168, the primes whose
/// group 65537 does not generate.
const PRIMES: [u32; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Big-endian, growing to the left.
    pub(in crate::trust) fn times_65537(number: &mut Vec<u8>) {
        let mut carry = 0u32;
        for byte in number.iter_mut().rev() {
            let product = u32::from(*byte).wrapping_mul(65_537).wrapping_add(carry);
            *byte = product as u8;
            carry = product >> 8;
        }
        number.splice(0..0, carry.to_be_bytes());
    }

    #[test]
    fn a_power_of_65537_has_the_fingerprint_and_its_neighbours_do_not() {
        let mut modulus = vec![1];
        for _ in 0..128 {
            times_65537(&mut modulus);
        }
        assert!(has_fingerprint(&modulus));
        for other in [3, 5, 7, 9] {
            *modulus.last_mut().unwrap() = other;
            assert!(!has_fingerprint(&modulus), "{other}");
        }
    }
}
