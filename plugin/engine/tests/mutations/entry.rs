//! One function for each kind of hostile bytes: takes any, and checks what must hold whatever they are.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Document, FetchReply, ReplyHeaders, Step};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

/// A good value for each entry, which mutations start from.
pub(crate) struct Good {
    /// JSON of a JWS header.
    pub(crate) header: String,
    /// JSON of a token's claims.
    pub(crate) claims: String,
    /// A compact JWS of both.
    pub(crate) token: String,
    /// A JWK Set.
    pub(crate) keys: String,
    /// RFC 8414 metadata.
    pub(crate) metadata: String,
    /// A JSON-RPC message.
    pub(crate) body: String,
    /// A plugin configuration.
    pub(crate) configuration: String,
    /// What a directory answers about the agent `far`.
    pub(crate) listed: String,
}

pub(crate) fn good() -> Good {
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"a"}"#.to_owned();
    let claims = format!(
        concat!(
            r#"{{"iss":"{i}","sub":"dana","aud":"https://gateway.example","client_id":"bot","#,
            r#""iat":1799999990,"exp":1800000290,"jti":"1","scope":"orders refunds","#,
            r#""act":{{"iss":"{i}","sub":"bot"}}}}"#,
        ),
        i = IDP
    );
    let token = signed(header.as_bytes(), claims.as_bytes(), 1);
    let keys = format!(r#"{{"keys":[{}]}}"#, jwk(1));
    let metadata = format!(r#"{{"issuer":"{IDP}","jwks_uri":"{IDP}/jwks"}}"#);
    let body = concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_order","#,
        r#""arguments":{"id":1042},"_meta":{"io.modelcontextprotocol/protocolVersion":"#,
        r#""2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
    );
    let listed = format!(
        concat!(
            r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"#,
            r#""Resources":[{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Agent"],"#,
            r#""externalId":"{i}#far","displayName":"far","active":true,"#,
            r#""urn:deputy:scim:schemas:extension:1.0:Agent":{{"owner":"team","risk":"low","#,
            r#""teams":["a"],"limits":{{"actions":["tools/call"]}},"#,
            r#""valid_until":"2028-01-01T00:00:00Z"}}}}]}}"#,
        ),
        i = IDP
    );
    let (body, configuration) = (body.to_owned(), configuration());
    Good { header, claims, token, keys, metadata, body, configuration, listed }
}

/// A compact JWS, or anything in its place. Only the good one may be allowed.
pub(crate) fn token(bytes: &[u8]) {
    let good = good();
    let verdict = at_work(|engine| asked(engine, bytes, good.body.as_bytes(), &[]));
    assert!(verdict != "allow" || bytes == good.token.as_bytes(), "{:?}", shown(bytes));
}

/// A header that its issuer really signed.
pub(crate) fn header(bytes: &[u8]) {
    let good = good();
    let token = signed(bytes, good.claims.as_bytes(), 1);
    at_work(|engine| asked(engine, token.as_bytes(), good.body.as_bytes(), &[]));
}

/// Claims that their issuer really signed; with another key nothing is allowed, whatever they are.
pub(crate) fn claims(bytes: &[u8]) {
    let good = good();
    let [token, forged] = [1, 2].map(|key| signed(good.header.as_bytes(), bytes, key));
    at_work(|engine| asked(engine, token.as_bytes(), good.body.as_bytes(), &[]));
    let verdict = at_work(|engine| asked(engine, forged.as_bytes(), good.body.as_bytes(), &[]));
    assert_ne!(verdict, "allow", "{:?}", shown(bytes));
}

/// A key set in place of the good one: what it holds is believed, or the good one stays.
pub(crate) fn keys(bytes: &[u8]) {
    let mut engine = ready();
    learn(&mut engine, NOW + 6 * MINUTE, |_| bytes.to_vec());
    let good = good();
    let foreign = signed(good.header.as_bytes(), good.claims.as_bytes(), 2);
    let verdict = asked(&mut engine, foreign.as_bytes(), good.body.as_bytes(), &[]);
    assert_ne!(verdict, "allow", "{:?}", shown(bytes));
}

/// Metadata in place of the good: nobody but the configured host is ever asked.
pub(crate) fn metadata(bytes: &[u8]) {
    let mut engine = Engine::new(configuration().as_bytes()).expect("the configuration is good");
    for _ in 0..2 {
        learn(&mut engine, NOW, |document| match document {
            Document::Metadata(_) => bytes.to_vec(),
            Document::Keys(_) => good().keys.into_bytes(),
            // The configuration names none of the others.
            _ => Vec::new(),
        });
    }
}

/// What a directory answers: the agent may act only if it says that this agent is active, as another reader
/// understands it.
pub(crate) fn listed(bytes: &[u8]) {
    let good = good();
    let claims = good.claims.replace(r#""sub":"bot""#, r#""sub":"far""#);
    let token = signed(good.header.as_bytes(), claims.as_bytes(), 1);
    let mut engine = ready();
    let verdict = told(&mut engine, (token.as_bytes(), good.body.as_bytes()), &[], Some(bytes));
    if verdict == "allow" {
        let said: serde_json::Value = serde_json::from_slice(bytes).expect("it was read");
        let agent = &said["Resources"][0];
        assert_eq!(agent["externalId"], format!("{IDP}#far"), "{:?}", shown(bytes));
        assert_eq!(agent["active"], true, "{:?}", shown(bytes));
    }
    assert!(verdict == "allow" || bytes != good.listed.as_bytes());
    assert_eq!(asked(&mut engine, good.token.as_bytes(), good.body.as_bytes(), &[]), "allow");
}

/// A body.
pub(crate) fn body(bytes: &[u8]) {
    at_work(|engine| asked(engine, good().token.as_bytes(), bytes, &[]));
}

/// The value of a header that says, or could say, who somebody is.
pub(crate) fn identity_header(name: &str, bytes: &[u8]) {
    let good = good();
    let more = [(name, bytes)];
    at_work(|engine| asked(engine, good.token.as_bytes(), good.body.as_bytes(), &more));
}

/// A plugin configuration: whole, or refused with a reason.
pub(crate) fn whole_configuration(bytes: &[u8]) {
    if let Err(problems) = Engine::new(bytes) {
        assert!(!problems.to_string().is_empty());
    }
}

/// With metadata and keys.
fn ready() -> Engine {
    let mut engine = Engine::new(configuration().as_bytes()).expect("the configuration is good");
    for _ in 0..2 {
        learn(&mut engine, NOW, |document| match document {
            Document::Metadata(_) => good().metadata.into_bytes(),
            Document::Keys(_) => good().keys.into_bytes(),
            // The configuration names none of the others.
            _ => Vec::new(),
        });
    }
    engine
}

fn learn(engine: &mut Engine, now: u64, answer: impl Fn(&Document) -> Vec<u8>) {
    for fetch in engine.due(Timestamp::from_unix_millis(now)) {
        let endpoint = fetch.endpoint();
        let whole = (endpoint.cluster.as_str(), endpoint.authority.as_str());
        assert_eq!(whole, ("idp", "idp.example"), "only the configured host is asked");
        let body = answer(fetch.document());
        let reply = FetchReply::Answered { status: 200, headers: ReplyHeaders::default(), body };
        engine.absorb(fetch, reply, Timestamp::from_unix_millis(now));
    }
}

/// Has an engine that serves many such inputs do it, and then a good request.
fn at_work(act: impl FnOnce(&mut Engine) -> &'static str) -> &'static str {
    thread_local! {
        static ENGINE: RefCell<Engine> = RefCell::new(ready());
    }
    ENGINE.with_borrow_mut(|engine| {
        let verdict = act(engine);
        let good = good();
        assert_eq!(asked(engine, good.token.as_bytes(), good.body.as_bytes(), &[]), "allow");
        verdict
    })
}

fn asked(engine: &mut Engine, token: &[u8], body: &[u8], more: &[(&str, &[u8])]) -> &'static str {
    told(engine, (token, body), more, None)
}

/// The same, where that is what comes back from whoever is asked.
fn told(
    engine: &mut Engine,
    (token, body): (&[u8], &[u8]),
    more: &[(&str, &[u8])],
    answer: Option<&[u8]>,
) -> &'static str {
    let now = Timestamp::from_unix_millis(NOW);
    let authorization = [b"Bearer ".as_slice(), token].concat();
    let mut headers: Vec<(&str, &[u8])> = vec![
        (":method", b"POST"),
        (":path", b"/mcp"),
        (":authority", b"gateway.example"),
        ("content-type", b"application/json"),
        ("accept", b"application/json, text/event-stream"),
        ("mcp-protocol-version", b"2026-07-28"),
        ("mcp-method", b"tools/call"),
        ("mcp-name", b"get_order"),
        ("authorization", &authorization),
    ];
    headers.extend(more);
    let pairs = headers.into_iter().map(|(n, v)| (n.as_bytes().to_vec(), v.to_vec())).collect();
    let mut step = engine.begin(Head::from_pairs(pairs), Arrival { now, entropy: [7; 10] });
    for _ in 0..8 {
        step = match step {
            Step::Body(need) => need.provide(engine, body.to_vec(), now),
            Step::Fetch(need) => match answer {
                Some(body) => {
                    let (headers, body) = (ReplyHeaders::default(), body.to_vec());
                    let reply = FetchReply::Answered { status: 200, headers, body };
                    let absorbed = engine.absorb(need.fetch().clone(), reply, now);
                    need.resume(engine, &absorbed, now)
                }
                None => need.give_up(now),
            },
            Step::Recall(need) => need.provide(engine, None, now),
            Step::Remember(need) => need.stored(engine, now),
            Step::Publish(_) => return "published",
            Step::Decided(outcome) => {
                assert!(outcome.receipt.to_json().starts_with('{'));
                return outcome.verdict;
            }
        };
    }
    panic!("a request asks for more than eight things");
}

/// With the key of that number.
fn signed(header: &[u8], claims: &[u8], key: u8) -> String {
    let part = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", part(header), part(claims));
    let signature: Signature = signing_key(key).sign(message.as_bytes());
    format!("{message}.{}", part(&signature.to_bytes()))
}

fn jwk(key: u8) -> String {
    let point = signing_key(key).verifying_key().to_sec1_point(false);
    let part = |part: Option<_>| part.map(|p: &_| URL_SAFE_NO_PAD.encode(p)).unwrap_or_default();
    let (x, y) = (part(point.x()), part(point.y()));
    format!(
        r#"{{"kty":"EC","crv":"P-256","kid":"a","alg":"ES256","use":"sig","x":"{x}","y":"{y}"}}"#
    )
}

fn signing_key(key: u8) -> SigningKey {
    SigningKey::from_slice(&[key; 32]).expect("a number below the order")
}

fn configuration() -> String {
    format!(
        concat!(
            r#"{{"version":1,"gateway":{{"audience":"https://gateway.example"}},"#,
            r#""issuers":[{{"issuer":"{i}","algorithms":["ES256"],"keys":{{"discover":"#,
            r#"{{"cluster":"idp","authority":"idp.example"}}}}}}],"#,
            r#""agents":[{{"id":"{i}#bot","owner":"team","status":"active"}}],"#,
            r#""agent_directory":{{"fetch":{{"cluster":"idp","authority":"idp.example","path":"/Agents"}}}},"#,
            r#""mcp":[{{"server":"orders","path":"/mcp","tools":[{{"name":"get_order","#,
            r#""input":"{{ id: Long }}"}}]}}],"policy":{{"revision":1,"files":[{{"name":"a","#,
            r#""text":"@id(\"a\") permit (principal, action, resource);"}}]}}}}"#,
        ),
        i = IDP
    )
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const IDP: &str = "https://idp.example";
const NOW: u64 = 1_800_000_000_000;
const MINUTE: u64 = 60_000;
