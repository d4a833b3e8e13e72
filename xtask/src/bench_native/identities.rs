//! Who is measured in the group `identity`: the same world, with a key of each algorithm at the issuer
//! and agents whose tokens are bound to keys of their own.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::clock;
use crate::signing::{Signer, hash};
use crate::world::{AUDIENCE, ISSUER, World, jwks, set, token, write};

/// The world, the issuer's keys, and the agents with keys.
pub(crate) struct Identities {
    pub(crate) world: World,
    pub(crate) issuer: Vec<Signer>,
    pub(crate) senders: Vec<Sender>,
}

/// An agent with a key, and its token, which is bound to it.
pub(crate) struct Sender {
    key: Signer,
    token: String,
}

impl Identities {
    pub(crate) fn new(repository: &Path) -> Result<Self> {
        let mut world = World::new(repository)?;
        let [rs256, ps256] = Signer::rsa()?;
        let issuer = vec![Signer::es256(ISSUER)?, rs256, ps256, Signer::ed25519(ISSUER)];
        let configuration = &mut world.configuration;
        let place = |at: &str| format!("examples/envoy-mcp/deputy.json has no {at}");
        let names: Vec<_> = issuer.iter().map(Signer::algorithm).collect();
        let of_issuer = configuration.pointer_mut("/issuers/0").with_context(|| place("issuer"))?;
        set(of_issuer, "algorithms", json!(names))?;
        set(of_issuer, "keys", json!({"inline": jwks(&issuer)}))?;
        let agents = configuration.pointer_mut("/agents").and_then(Value::as_array_mut);
        let agents = agents.with_context(|| place("agents"))?;
        agents.extend((0..SENDERS).map(agent));
        set(configuration, "proofs", json!({"origins": [AUDIENCE], "dpop": {}}))?;
        let senders =
            (0..SENDERS).map(|number| Sender::new(&world, number)).collect::<Result<_>>()?;
        Ok(Self { world, issuer, senders })
    }

    /// More tokens than a gateway remembers, signed with that key.
    pub(crate) fn tokens(&self, key: &Signer) -> Vec<String> {
        (0..TOKENS).map(|number| token(key, &self.world.claims(number))).collect()
    }

    /// A token that holds, of an agent that is listed and must not act: what is refused as soon as it is
    /// known who asks.
    pub(crate) fn suspended(&self) -> String {
        let mut claims = self.world.claims(0);
        claims["client_id"] = SUSPENDED.into();
        claims["act"]["sub"] = SUSPENDED.into();
        self.issuer.first().map(|key| token(key, &claims)).unwrap_or_default()
    }

    /// What the gateways and the load generator are given.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let World { configuration, .. } = &self.world;
        let keys = jwks(&self.issuer).to_string();
        let lines = |lines: Vec<String>| lines.join("\n").into_bytes();
        let request = |asking: Asking, token| asking.to_json(token).to_string().into_bytes();
        let bearer = |token: String| format!("Bearer {token}");
        for key in &self.issuer {
            let name = format!("tokens-{}.txt", key.algorithm());
            write(folder, &name, &lines(self.tokens(key).into_iter().map(bearer).collect()))?;
        }
        let senders = self.senders.iter().map(|sender| sender.token.clone()).collect();
        let files: [(&str, Vec<u8>); 7] = [
            ("identity.json", configuration.to_string().into_bytes()),
            ("identity-fetched.json", self.fetched()?.to_string().into_bytes()),
            ("identity-jwks.json", keys.into_bytes()),
            ("unmapped.json", request(Asking::unmapped(), &self.world.token(0))),
            ("suspended.json", request(Asking::http(), &self.suspended())),
            ("unknown-keys.txt", lines(self.of_unknown_keys().map(bearer).collect())),
            ("senders.txt", lines(senders)),
        ];
        files.iter().try_for_each(|(name, bytes)| write(folder, name, bytes))
    }

    /// The same configuration, with keys that are fetched.
    fn fetched(&self) -> Result<Value> {
        let mut configuration = self.world.configuration.clone();
        let issuer = configuration.pointer_mut("/issuers/0").context("no issuer")?;
        let endpoint = json!({"cluster": "idp", "authority": "idp.acme.example", "path": "/jwks"});
        set(issuer, "keys", json!({"fetch": endpoint}))?;
        Ok(configuration)
    }

    /// Tokens as an attacker makes them up: nobody has those keys.
    fn of_unknown_keys(&self) -> impl Iterator<Item = String> {
        let (claims, key) = (self.world.claims(0), self.issuer.first());
        (0..TOKENS).filter_map(move |number| {
            let header = json!({"typ": "at+jwt", "kid": hash(&format!("unknown {number}"))});
            key.map(|key| key.signed(header, &claims))
        })
    }
}

impl Sender {
    fn new(world: &World, number: usize) -> Result<Self> {
        let name = name(number);
        let key = Signer::es256(&name)?;
        let mut claims = world.claims(number);
        claims["client_id"] = name.clone().into();
        claims["act"]["sub"] = name.into();
        claims["cnf"] = json!({"jkt": key.thumbprint()});
        Ok(Self { key, token: token(&Signer::es256(ISSUER)?, &claims) })
    }

    /// The credentials of one request: no two have the same `jti`.
    fn credentials(&self, id: &str, now: u64) -> [(&'static str, String); 2] {
        let asking = Asking::http();
        let header = json!({"typ": "dpop+jwt", "jwk": self.key.bare_jwk()});
        let claims = json!({
            "jti": id, "htm": asking.method, "htu": format!("{AUDIENCE}{}", asking.path),
            "iat": now, "ath": hash(&self.token),
        });
        let proof = self.key.signed(header, &claims);
        [("authorization", format!("DPoP {}", self.token)), ("dpop", proof)]
    }
}

/// That many requests' credentials, of each sender in turn.
pub(crate) fn proven(
    senders: &[Sender],
    count: usize,
    now: u64,
) -> impl Iterator<Item = [(&'static str, String); 2]> {
    let prefix = std::process::id();
    let numbered = senders.iter().cycle().zip(0..count);
    numbered
        .map(move |(sender, number)| sender.credentials(&format!("{prefix}-{now}-{number}"), now))
}

/// Writes proofs for the tokens that the gateways have seen: they are good for a minute.
pub(crate) fn write_proofs(folder: &Path, name: &str, count: usize) -> Result<()> {
    let path = folder.join("senders.txt");
    let tokens =
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let senders: Vec<_> = (0..)
        .zip(tokens.lines())
        .map(|(number, token)| {
            Ok(Sender { key: Signer::es256(&self::name(number))?, token: token.to_owned() })
        })
        .collect::<Result<_>>()?;
    let lines = proven(&senders, count, clock::unix_seconds())
        .map(|[(_, authorization), (_, proof)]| format!("{authorization}\t{proof}"));
    write(folder, name, lines.collect::<Vec<_>>().join("\n").as_bytes())
}

/// Like refund-bot, but for its name.
fn agent(number: usize) -> Value {
    let name = name(number);
    json!({
        "id": format!("{ISSUER}#{name}"), "name": name, "owner": "payments-team",
        "status": "active", "teams": ["support"],
    })
}

fn name(number: usize) -> String {
    format!("sender-{number}")
}

/// Half as many again as the engine's cache holds, so that none is there when it comes again.
const TOKENS: usize = 3072;
/// Of the room for used proofs an agent has a share of its own.
const SENDERS: usize = 16;
/// Of the example.
const SUSPENDED: &str = "old-bot";
