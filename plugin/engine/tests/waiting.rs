//! A request that waited for the store all workers share is judged as of when it goes on: by then its
//! token may be over.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, FetchReply, ReplyHeaders, Step};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest as _, Sha256};

#[test]
fn a_token_that_ended_while_the_store_was_asked_is_over() {
    assert_eq!(verdict(29), "allow");
    assert_eq!(verdict(30), "token_expired");
}

/// Also within one instant: what was found out before the keys changed no longer counts.
#[test]
fn a_key_that_is_gone_by_the_time_the_store_answers_proves_nothing() {
    assert_eq!(verdict_with_keys(1), "allow");
    assert_ne!(verdict_with_keys(3), "allow");
}

/// Of a request for which the issuer's keys are fetched twice: as it comes, with the key of its token,
/// and while the store is asked, with that key.
fn verdict_with_keys(then: u8) -> &'static str {
    let fetched = r#"{"fetch":{"cluster":"idp","authority":"idp.example","path":"/jwks"}}"#;
    let mut engine = Engine::new(configuration(fetched).as_bytes()).unwrap();
    let now = Timestamp::from_unix_millis(NOW * 1000);
    let answered = |key| FetchReply::Answered {
        status: 200,
        headers: ReplyHeaders::default(),
        body: format!(r#"{{"keys":[{}]}}"#, jwk(key)).into_bytes(),
    };
    let [fetch] = &engine.due(now)[..] else { panic!("one fetch is due") };
    engine.absorb(fetch.clone(), answered(1), now);
    let step = engine.begin(head(), Arrival { now, entropy: [7; 10] });
    engine.absorb(fetch.clone(), answered(then), now);
    let mut step = step;
    loop {
        step = match step {
            Step::Recall(need) => need.provide(&mut engine, None, now),
            Step::Remember(need) => need.stored(&mut engine, now),
            Step::Fetch(need) => need.give_up(now),
            Step::Decided(outcome) => {
                return outcome.reason.map_or(outcome.verdict, |reason| reason.code());
            }
            other => panic!("{other:?}"),
        };
    }
}

/// Of a request whose token has 30 seconds left, when the store takes that many.
fn verdict(seconds: u64) -> &'static str {
    let mut engine = Engine::new(configuration(&inline()).as_bytes()).unwrap();
    let now = |more: u64| Timestamp::from_unix_millis((NOW + more) * 1000);
    let arrival = Arrival { now: now(0), entropy: [7; 10] };
    let Step::Recall(need) = engine.begin(head(), arrival) else { panic!("no recall") };
    let Step::Remember(need) = need.provide(&mut engine, None, now(0)) else {
        panic!("nothing to remember")
    };
    let mut step = need.stored(&mut engine, now(seconds));
    // Whatever else it asks takes no time.
    loop {
        step = match step {
            Step::Recall(need) => need.provide(&mut engine, None, now(seconds)),
            Step::Remember(need) => need.stored(&mut engine, now(seconds)),
            Step::Decided(outcome) => {
                return outcome.reason.map_or(outcome.verdict, |reason| reason.code());
            }
            other => panic!("{other:?}"),
        };
    }
}

fn head() -> Head {
    let claims = format!(
        concat!(
            r#"{{"iss":"{i}","sub":"bot","aud":"https://gateway.example","client_id":"bot","#,
            r#""iat":{iat},"exp":{exp},"jti":"1","cnf":{{"jkt":"{jkt}"}}}}"#,
        ),
        i = IDP,
        iat = NOW - 30,
        exp = NOW + 30,
        jkt = digest(&jwk(2)),
    );
    let token = signed(r#"{"alg":"ES256","typ":"at+jwt"}"#, &claims, 1);
    let claims = format!(
        r#"{{"jti":"1","htm":"GET","htu":"https://gateway.example/orders","iat":{NOW},"ath":"{}"}}"#,
        digest(&token)
    );
    let header = format!(r#"{{"alg":"ES256","typ":"dpop+jwt","jwk":{}}}"#, jwk(2));
    let (proof, authorization) = (signed(&header, &claims, 2), format!("DPoP {token}"));
    let pairs = [
        (":method", "GET"),
        (":path", "/orders"),
        (":authority", "gateway.example"),
        ("authorization", authorization.as_str()),
        ("dpop", proof.as_str()),
    ];
    Head::from_pairs(pairs.map(|(n, v)| (n.into(), v.into())).to_vec())
}

fn inline() -> String {
    format!(r#"{{"inline":{{"keys":[{}]}}}}"#, jwk(1))
}

fn configuration(keys: &str) -> String {
    format!(
        concat!(
            r#"{{"version":1,"gateway":{{"audience":"https://gateway.example"}},"#,
            r#""issuers":[{{"issuer":"{i}","algorithms":["ES256"],"leeway_seconds":0,"#,
            r#""keys":{keys}}}],"#,
            r#""proofs":{{"origins":["https://gateway.example"],"dpop":{{}}}},"#,
            r#""agents":[{{"id":"{i}#bot","owner":"team","status":"active"}}],"#,
            r#""http":[{{"method":"GET","path":"/orders","action":"orders:list","#,
            r#""resource":"orders"}}],"#,
            r#""policy":{{"revision":1,"files":[{{"name":"a","#,
            r#""text":"@id(\"a\") permit (principal, action, resource);"}}]}}}}"#,
        ),
        i = IDP,
        keys = keys,
    )
}

fn signed(header: &str, claims: &str, key: u8) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature: Signature = signing_key(key).sign(message.as_bytes());
    format!("{message}.{}", encoded(signature.to_bytes()))
}

/// The members that a thumbprint covers, in its order (RFC 7638), and no others.
fn jwk(key: u8) -> String {
    let point = signing_key(key).verifying_key().to_sec1_point(false);
    let (x, y) = (encoded(point.x().unwrap()), encoded(point.y().unwrap()));
    format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
}

fn signing_key(key: u8) -> SigningKey {
    SigningKey::from_slice(&[key; 32]).unwrap()
}

fn digest(text: &str) -> String {
    encoded(Sha256::digest(text))
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const IDP: &str = "https://idp.example";
const NOW: u64 = 1_800_000_000;
