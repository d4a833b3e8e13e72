//! Status lists of the draft's appendix, and what is no list.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::*;

const URI: &str = "https://idp.example/statuses/1";
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn token(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|part| base64url::encode(part.as_bytes()));
    format!("{header}.{claims}.c2ln")
}

/// With this in place of good claims.
fn read(claims: &str) -> Result<StatusList, &'static str> {
    let token = token(r#"{"typ":"statuslist+jwt","alg":"ES256","kid":"1"}"#, claims);
    Unproven::parse(token.as_bytes())?.read((URI, "key"), 60_000, at(NOW))
}

fn claims(list: &str) -> String {
    format!(r#"{{"sub":"{URI}","iat":{NOW},"exp":{},"ttl":60,"status_list":{list}}}"#, NOW + 300)
}

fn list(bits: u8, lst: &str) -> Result<StatusList, &'static str> {
    read(&claims(&format!(r#"{{"bits":{bits},"lst":"{lst}"}}"#)))
}

fn number(status: Status) -> u8 {
    match status {
        Status::Valid => 0,
        Status::Invalid => 1,
        Status::Suspended => 2,
        Status::Other => 3,
    }
}

#[test]
fn the_two_lists_of_section_four_are_read_bit_for_bit() {
    let one = list(1, "eNrbuRgAAhcBXQ").unwrap();
    let read: Vec<_> = (0..16).map(|i| number(one.status(i).unwrap())).collect();
    assert_eq!(read, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    let two = list(2, "eNo76fITAAPfAgc").unwrap();
    let read: Vec<_> = (0..12).map(|i| number(two.status(i).unwrap())).collect();
    assert_eq!(read, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    // TSL-3: of what is beyond the end nothing is said.
    for beyond in [(&one, 16), (&two, 12), (&one, u64::MAX), (&two, u64::MAX / 2)] {
        assert_eq!(beyond.0.status(beyond.1), None, "{beyond:?}");
    }
}

#[test]
fn every_status_of_the_drafts_test_vectors_is_what_it_says() {
    let limits = Limits { bytes: 1 << 20, depth: 8, items: 4_096 };
    let vectors =
        json::read(include_bytes!("../../../tests/vectors/status_lists.json"), &limits).unwrap();
    let vectors = vectors.as_object().unwrap().get("vectors").unwrap().as_array().unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let member = |name| vector.as_object().unwrap().get(name).unwrap();
        let bits = u8::try_from(member("bits").as_integer().unwrap()).unwrap();
        let list = list(bits, member("lst").as_str().unwrap()).unwrap();
        let mut set = std::collections::BTreeMap::new();
        for pair in member("statuses").as_array().unwrap() {
            let [index, status] = pair.as_array().unwrap() else { panic!("{pair:?}") };
            set.insert(index.as_integer().unwrap() as u64, status.as_integer().unwrap());
        }
        for index in 0..1 << 20 {
            let expected = set.get(&index).copied().unwrap_or_default().min(3);
            assert_eq!(i64::from(number(list.status(index).unwrap())), expected, "{bits} {index}");
        }
        assert_eq!(list.status(1 << 20), None);
    }
}

#[test]
fn a_list_that_inflates_to_more_than_the_limit_is_refused() {
    let zeros =
        |n: usize| base64url::encode(&miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; n], 1));
    assert!(list(1, &zeros(MAX_STATUSES)).is_ok());
    assert_eq!(list(1, &zeros(MAX_STATUSES + 1)).unwrap_err(), LIST);
    let bomb = zeros(16 << 20);
    assert!(bomb.len() < 1 << 18, "{}", bomb.len());
    assert_eq!(list(1, &bomb).unwrap_err(), LIST);
}

#[test]
fn what_is_no_list_is_refused() {
    for (bits, lst) in [
        (0, "eNrbuRgAAhcBXQ"),
        (3, "eNrbuRgAAhcBXQ"),
        (16, "eNrbuRgAAhcBXQ"),
        (1, ""),
        // Cut off, a wrong checksum, padded, not zlib.
        (1, "eNrbuRgAAhcB"),
        (1, "eNrbuRgAAhcBXA"),
        (1, "eNrbuRgAAhcBXQ=="),
        (1, "27kYAA"),
    ] {
        assert_eq!(list(bits, lst).unwrap_err(), LIST, "{bits} {lst}");
    }
    let good = r#"{"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#;
    for wrong in [
        claims(good).replace(URI, "https://idp.example/statuses/2"),
        claims(good).replace("\"sub\"", "\"subject\""),
        claims(good).replace(&format!("\"iat\":{NOW},"), ""),
        claims(good).replace(&format!("\"iat\":{NOW}"), &format!("\"iat\":{}", NOW + 61)),
        claims(good).replace(&format!("\"iat\":{NOW}"), "\"iat\":-1"),
        claims(good).replace(&format!("\"iat\":{NOW}"), "\"iat\":\"1\""),
        claims(good).replace(&(NOW + 300).to_string(), &NOW.to_string()),
        claims(good).replace("\"ttl\":60", "\"ttl\":0"),
        claims(good).replace("\"ttl\":60", "\"ttl\":-60"),
        claims(good).replace("\"ttl\":60", "\"ttl\":\"60\""),
        claims(good).replace("status_list", "statuslist"),
        claims(good).replace("\"bits\":1", "\"bits\":true"),
        claims("[]"),
        "[]".to_owned(),
    ] {
        assert!(read(&wrong).is_err(), "{wrong}");
    }
    assert!(read(&claims(good)).is_ok());
    assert!(read(&claims(good).replace("\"ttl\":60,", "")).is_ok());
}

#[test]
fn only_a_status_list_token_is_one() {
    let claims = claims(r#"{"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#);
    let parse = |header: &str| Unproven::parse(token(header, &claims).as_bytes()).map(|_| ());
    for good in ["statuslist+jwt", "application/statuslist+jwt", "StatusList+JWT"] {
        assert_eq!(parse(&format!(r#"{{"typ":"{good}","alg":"ES256"}}"#)), Ok(()), "{good}");
    }
    for wrong in ["JWT", "at+jwt", "statuslist+cwt", "statuslist", ""] {
        assert!(parse(&format!(r#"{{"typ":"{wrong}","alg":"ES256"}}"#)).is_err(), "{wrong}");
    }
    for more in ["\"crit\":[\"x\"]", "\"b64\":false", "\"zip\":\"DEF\"", "\"cty\":\"JWT\""] {
        let header = format!(r#"{{"typ":"statuslist+jwt","alg":"ES256",{more}}}"#);
        assert_eq!(parse(&header), Err(FORM), "{more}");
    }
    for text in ["", "a", "a.b", "..", "\u{ff}", "e30.e30."] {
        assert!(Unproven::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Unproven::parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
}
