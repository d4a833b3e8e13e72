//! HTTP message signatures: the vector of RFC 9421 App. B.2.6, and what no base is made of.

use super::*;
use crate::trust::PureRust;
use crate::trust::SignatureVerifier as _;

const INPUT: &str = "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
    \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
const SIGNATURE: &str = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";

/// App. B.2 "test-request".
fn request(input: &str, signature: &str, more: &[(&str, &str)]) -> Head {
    let line =
        [(":method", "POST"), (":path", "/foo?param=Value&Pet=dog"), (":authority", "example.com")];
    let headers = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-length", "18"),
        ("signature-input", input),
        ("signature", signature),
    ];
    let pairs = line.iter().chain(&headers).chain(more);
    Head::from_pairs(pairs.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect())
}

fn base(head: &Head) -> Option<String> {
    let signatures = signature::read(head).unwrap();
    signatures[0].base(head, head.line().unwrap())
}

#[test]
fn the_vector_of_the_standard_holds() {
    let head = request(INPUT, SIGNATURE, &[]);
    let expected = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
        \"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\
        \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
        \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    assert_eq!(base(&head).as_deref(), Some(expected));
    let jwk = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}]}"#;
    let any = Algorithms::new(Algorithm::ALL.into(), false);
    let key = KeySet::parse(jwk.as_bytes(), &any).unwrap().find(None, Algorithm::Ed25519).unwrap();
    let bytes = &signature::read(&head).unwrap()[0].bytes;
    assert!(PureRust.verify(&key, expected.as_bytes(), bytes));
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
