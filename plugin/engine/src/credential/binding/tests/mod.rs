//! Proofs of possession, one defect at a time; and the vectors of the specifications.

mod dpop;
mod wpt;

use serde_json::Value;

use super::{Origin, Targets};
use crate::model::Timestamp;
use crate::trust::testing::Signer;
use crate::trust::{Trust, base64url};

const NOW: u64 = 1_795_457_870;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds.saturating_mul(1000))
}

fn targets(origin: &str, path: &str) -> Targets {
    Targets::of(&[Origin::parse(origin).unwrap()], path)
}

/// Verifies signatures and knows no issuer.
fn trust() -> Trust {
    Trust::new(Vec::new())
}

fn signed(header: &Value, claims: &Value, signer: &Signer) -> String {
    let [header, claims] =
        [header, claims].map(|part| base64url::encode(part.to_string().as_bytes()));
    let message = format!("{header}.{claims}");
    let signature = base64url::encode(&signer.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn jwk(signer: &Signer) -> Value {
    serde_json::from_str(&format!("{{{}}}", signer.members())).unwrap()
}

/// Sets members; `null` takes one away.
fn patched(mut value: Value, patch: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, value) in patch.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    value
}
