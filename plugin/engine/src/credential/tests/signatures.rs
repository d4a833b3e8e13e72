//! HTTP message signatures: the vectors of RFC 9421 App. B that are requests in algorithms known here
//! (B.2.6, B.3, B.4; the others are responses, HMAC, or `rsa-pss-sha512`), and what no base is made of.

use super::*;
use crate::trust::PureRust;
use crate::trust::SignatureVerifier as _;

const INPUT: &str = "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
    \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
const SIGNATURE: &str = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
/// App. B.1.4.
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;
/// App. B.1.3.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA","y":"Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"}"#;

fn head(line: [&str; 3], headers: &[(&str, &str)]) -> Head {
    let line = [":method", ":path", ":authority"].into_iter().zip(line);
    let pairs = line.chain(headers.iter().copied());
    Head::from_pairs(pairs.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect())
}

/// App. B.2 "test-request".
fn request(input: &str, signature: &str, more: &[(&str, &str)]) -> Head {
    let headers = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-length", "18"),
        ("signature-input", input),
        ("signature", signature),
    ];
    let headers: Vec<_> = headers.iter().chain(more).copied().collect();
    head(["POST", "/foo?param=Value&Pet=dog", "example.com"], &headers)
}

fn base(head: &Head) -> Option<String> {
    let signatures = signature::read(head).unwrap();
    signatures[0].base(head, head.line().unwrap())
}

/// Whether its one signature is by that key.
fn holds(head: &Head, jwk: &str, algorithm: Algorithm) -> bool {
    let any = Algorithms::new(Algorithm::ALL.into(), false);
    let keys = KeySet::parse(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes(), &any).unwrap();
    let key = keys.find(None, algorithm).unwrap();
    let bytes = &signature::read(head).unwrap()[0].bytes;
    PureRust.verify(&key, base(head).unwrap().as_bytes(), bytes)
}

/// App. B.2.6.
#[test]
fn the_vector_of_the_standard_holds() {
    let head = request(INPUT, SIGNATURE, &[]);
    let expected = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
        \"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\
        \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
        \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    assert_eq!(base(&head).as_deref(), Some(expected));
    assert!(holds(&head, ED25519, Algorithm::Ed25519));
    assert!(!holds(
        &request(INPUT, SIGNATURE, &[("content-length", "18")]),
        ED25519,
        Algorithm::Ed25519
    ));
}

/// App. B.3: what a proxy that ends TLS signs.
#[test]
fn the_vector_in_ecdsa_holds_with_the_certificate_it_covers() {
    const CERTIFICATE: &str = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";
    let of = |certificate: &str| {
        let headers = [
            ("client-cert", certificate),
            (
                "signature-input",
                "ttrp=(\"@path\" \"@query\" \"@method\" \"@authority\" \"client-cert\");created=1618884473;keyid=\"test-key-ecc-p256\"",
            ),
            (
                "signature",
                "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:",
            ),
        ];
        head(["POST", "/foo?param=Value&Pet=dog", "service.internal.example"], &headers)
    };
    assert!(holds(&of(CERTIFICATE), P256, Algorithm::Es256));
    assert!(!holds(&of(&CERTIFICATE.replacen('M', "N", 1)), P256, Algorithm::Es256));
}

/// App. B.4: what may be done to a signed request on its way, and what may not.
#[test]
fn a_signature_survives_what_it_does_not_cover() {
    const PATH: &str = "/demo?name1=Value1&Name2=value2";
    let json = ("accept", "application/json");
    let any = ("accept", "*/*");
    let date = ("date", "Fri, 15 Jul 2022 14:24:55 GMT");
    let added = format!("{PATH}&param=added");
    let language = ("accept-language", "en-US,en;q=0.5");
    let referer = ("referer", "https://developer.example.org/demo");
    let joined = ("accept", "application/json, */*");
    for (method, path, authority, headers, survives) in [
        ("GET", PATH, "example.org", vec![date, json, any], true),
        ("GET", &added, "example.org", vec![date, json, any, language], true),
        ("GET", PATH, "example.org", vec![referer, joined], true),
        ("GET", PATH, "example.org", vec![json, any, date], true),
        ("POST", PATH, "example.com", vec![date, json, any], false),
        ("GET", PATH, "example.org", vec![date, any, json], false),
    ] {
        let signed = [
            (
                "signature-input",
                "transform=(\"@method\" \"@path\" \"@authority\" \"accept\");created=1618884473;keyid=\"test-key-ed25519\"",
            ),
            (
                "signature",
                "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:",
            ),
        ];
        let headers: Vec<_> = headers.into_iter().chain(signed).collect();
        let head = head([method, path, authority], &headers);
        assert_eq!(holds(&head, ED25519, Algorithm::Ed25519), survives, "{head:?}");
    }
}

#[test]
fn a_base_is_made_of_what_is_there_once_and_known() {
    let of = |components: &str| {
        base(&request(&format!("s=({components});created=1"), "s=:AA==:", &[("x", "a=1, b=2")]))
    };
    for (components, line) in [
        ("\"@query\"", "\"@query\": ?param=Value&Pet=dog"),
        ("\"@target-uri\"", "\"@target-uri\": https://example.com/foo?param=Value&Pet=dog"),
        ("\"x\"", "\"x\": a=1, b=2"),
        ("\"x\";key=\"b\"", "\"x\";key=\"b\": 2"),
    ] {
        let base = of(components).unwrap();
        assert_eq!(base.lines().next(), Some(line), "{components}");
    }
    for components in [
        "\"absent\"",
        "\"x\" \"x\"",
        "\"x\";key=\"c\"",
        "\"x\";sf",
        "\"x\";bs",
        "\"x\";key=\"a\";sf",
        "\"@method\";req",
        "\"@status\"",
        "\"@unknown\"",
        "date",
        "1",
    ] {
        assert_eq!(of(components), None, "{components}");
    }
}

#[test]
fn signatures_that_can_be_read_in_two_ways_are_refused() {
    for (input, signature) in [
        ("", "s=:AA==:"),
        ("s=()", ""),
        ("s=()", "t=:AA==:"),
        ("s=(), t=()", "s=:AA==:"),
        ("s=()", "s=:AA==:, t=:AA==:"),
        ("s=1", "s=:AA==:"),
        ("s=()", "s=(1)"),
        ("s=()", "s=\"AA\""),
        ("s=(", "s=:AA==:"),
    ] {
        let head = request(input, signature, &[]);
        assert_eq!(
            signature::read(&head).unwrap_err(),
            Reason::SignatureMalformed,
            "{input} {signature}"
        );
    }
    let doubled = request("s=()", "s=:AA==:", &[("signature", "s=:AA==:")]);
    assert!(signature::read(&doubled).is_err());
}
