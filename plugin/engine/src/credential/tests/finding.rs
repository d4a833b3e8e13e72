//! Where a token may be, and how it is written there.

use super::*;
use crate::evidence::is_token_header;

fn found(path: &str, headers: &[(&str, &str)]) -> Result<String, Reason> {
    let head = head(path, headers);
    let presented = Presented::read(&head, &CertificateRules::default())?;
    let authorization = presented.authorization.ok_or_else(|| presented.nothing())?;
    assert_eq!(authorization.scheme, bearer::Scheme::Bearer);
    Ok(authorization.token.to_owned())
}

fn in_header(value: &str) -> Result<String, Reason> {
    found("/mcp", &[("authorization", value)])
}

#[test]
fn a_token_comes_after_bearer_and_one_space() {
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(in_header(&format!("{scheme} a.b.c")).as_deref(), Ok("a.b.c"));
    }
}

#[test]
fn white_space_that_hops_trim_differently_is_refused_and_never_anonymous() {
    let spellings = [
        "Bearer  T",
        "Bearer\tT",
        "Bearer \tT",
        "Bearer T ",
        "Bearer T\t",
        " Bearer T",
        "\tBearer T",
        "Bearer T T",
        "Bearer   ",
    ];
    for value in spellings {
        assert_eq!(in_header(value), Err(Reason::RequestMalformed), "{value:?}");
    }
}

#[test]
fn an_authorization_without_a_token_is_refused_as_one_with_a_bad_token() {
    assert_eq!(in_header(""), Err(Reason::UnsupportedCredential));
    for value in ["Bearer", "Bearer "] {
        let head = head("/", &[("authorization", value)]);
        let (mut trust, mut cache) = (Trust::new(vec![issuer()]), TokenCache::default());
        let refused = verify(
            &head,
            (&Rules::default(), &mut trust, &mut cache),
            &mut ProvenBefore::default(),
            &[GATEWAY],
            at(NOW),
        )
        .unwrap_err();
        assert_eq!(refused, Unverified::from(Reason::TokenMalformed), "{value:?}");
    }
}

#[test]
fn another_scheme_is_not_read() {
    let schemes = ["Digest x", "Bearer:a.b.c", "a.b.c", "Bearera.b.c"];
    for value in schemes {
        assert_eq!(in_header(value), Err(Reason::UnsupportedCredential), "{value:?}");
    }
}

#[test]
fn a_shared_secret_identifies_nobody() {
    for value in ["Basic YTpi", "basic YTpi", "Basic", "ApiKey x", "Api-Key x", "Token a.b.c"] {
        assert_eq!(in_header(value), Err(Reason::SharedSecret), "{value:?}");
    }
    for name in presented::SHARED_SECRETS {
        assert_eq!(found("/", &[(name, "0123")]), Err(Reason::SharedSecret), "{name}");
        let beside = found("/", &[(name, "0123"), ("authorization", "Bearer a")]);
        match is_token_header(name.as_bytes()) {
            true => assert_eq!(beside, Err(Reason::AmbiguousCredential), "{name}"),
            false => assert_eq!(beside.as_deref(), Ok("a"), "{name} may be the upstream's"),
        }
    }
}

#[test]
fn a_second_token_in_a_header_is_ambiguous_whatever_the_first_one_is() {
    for first in [("authorization", "Bearer a"), ("workload-identity-token", "a")] {
        let second = ("x-forwarded-access-token", "b");
        assert_eq!(found("/", &[first, second]), Err(Reason::AmbiguousCredential), "{first:?}");
    }
}

#[test]
fn a_token_that_is_bound_by_nothing_is_not_presented_as_bound() {
    let authorization = format!("DPoP {}", good_token());
    let head = head("/", &[("authorization", &authorization), ("dpop", "a.b.c")]);
    let (mut trust, mut cache) = (Trust::new(vec![issuer()]), TokenCache::default());
    let with = (&Rules::default(), &mut trust, &mut cache);
    let refused =
        verify(&head, with, &mut ProvenBefore::default(), &[GATEWAY], at(NOW)).unwrap_err();
    assert!(
        matches!(&refused, Unverified::Rejected(r) if r.reason == Reason::TokenNotBound),
        "{refused:?}"
    );
}

#[test]
fn a_header_that_is_one_token_comes_once_and_alone() {
    for name in ["workload-identity-token", "workload-proof-token", "txn-token"] {
        for (values, reason) in [
            (&["a", "b"][..], Reason::AmbiguousCredential),
            (&["a,b"], Reason::AmbiguousCredential),
            (&["a", "a"], Reason::AmbiguousCredential),
            (&["a b"], Reason::RequestMalformed),
        ] {
            let headers: Vec<_> = values.iter().map(|value| (name, *value)).collect();
            assert_eq!(found("/", &headers), Err(reason), "{name}: {values:?}");
        }
    }
}

#[test]
fn two_credentials_are_none() {
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    let same = [("authorization", "Bearer a"), ("Authorization", "Bearer a")];
    let second_bad = [("authorization", "Bearer a"), ("authorization", "")];
    for headers in [twice, same, second_bad] {
        assert_eq!(found("/mcp", &headers), Err(Reason::AmbiguousCredential));
    }
    for joined in
        ["Bearer a, Bearer b", "Bearer a,b", "Basic x, Bearer b", "Bearer a,", ",Bearer a"]
    {
        assert_eq!(in_header(joined), Err(Reason::AmbiguousCredential), "{joined}");
    }
}

#[test]
fn a_token_in_the_query_is_never_taken_and_makes_a_second_one_ambiguous() {
    let queries = [
        "access_token=a",
        "x=1&access_token=a",
        "access_token",
        "access_token=",
        "access%5Ftoken=a",
        "%61ccess_token=a",
        "ACCESS_TOKEN=a",
        "x;access_token=a",
        "x?access_token=a",
    ];
    for query in queries {
        let path = format!("/mcp?{query}");
        assert_eq!(found(&path, &[]), Err(Reason::UnsupportedCredential), "{query}");
        let both = found(&path, &[("authorization", "Bearer a")]);
        assert_eq!(both, Err(Reason::AmbiguousCredential), "{query}");
    }
    for query in ["x=access_token", "access_token2=a", "", "a%", "a%zz=1", "%5"] {
        let found = found(&format!("/mcp?{query}"), &[("authorization", "Bearer a")]);
        assert_eq!(found.as_deref(), Ok("a"), "{query}");
    }
    let in_path = found("/access_token=a", &[]);
    assert_eq!(in_path, Err(Reason::NoCredential));
}

#[test]
fn a_token_in_a_cookie_is_never_taken_and_makes_a_second_one_ambiguous() {
    for cookie in ["access_token=a", "x=1; access_token=a", "x=1;access_token=a", "Access_Token=a"]
    {
        let alone = found("/", &[("cookie", cookie)]);
        assert_eq!(alone, Err(Reason::UnsupportedCredential), "{cookie}");
        let both = found("/", &[("cookie", cookie), ("authorization", "Bearer a")]);
        assert_eq!(both, Err(Reason::AmbiguousCredential), "{cookie}");
    }
    let harmless = found("/", &[("cookie", "sid=access_token"), ("authorization", "Bearer a")]);
    assert_eq!(harmless.as_deref(), Ok("a"));
    let twice = [("cookie", "a=1"), ("cookie", "access_token=a"), ("authorization", "Bearer a")];
    assert_eq!(found("/", &twice), Err(Reason::RequestMalformed));
}

#[test]
fn a_request_without_any_credential_says_so() {
    assert_eq!(found("/mcp", &[]), Err(Reason::NoCredential));
    assert_eq!(found("/mcp", &[("proxy", "Bearer a")]), Err(Reason::NoCredential));
}

#[test]
fn a_head_that_is_malformed_is_not_searched() {
    let bytes =
        vec![(b":method".to_vec(), b"GET".to_vec()), (b"authorization".to_vec(), vec![0xff])];
    let head = Head::from_pairs(bytes);
    let refused = Presented::read(&head, &CertificateRules::default()).unwrap_err();
    assert_eq!(refused, Reason::RequestMalformed);
}

#[test]
fn a_proof_beside_a_token_that_is_not_bound_changes_nothing() {
    let authorization = format!("Bearer {}", good_token());
    let head = head("/", &[("authorization", &authorization), ("dpop", "a.b.c")]);
    let (mut trust, mut cache) = (Trust::new(vec![issuer()]), TokenCache::default());
    assert!(
        verify(
            &head,
            (&Rules::default(), &mut trust, &mut cache),
            &mut ProvenBefore::default(),
            &[GATEWAY],
            at(NOW)
        )
        .is_ok()
    );
}
