//! What an ID token must say (OpenID Connect Core 1.0 §3.1.3.7).

use serde_json::Value;

use crate::config::Login;
use crate::jose;
use crate::signing::Approver;

/// Clocks differ.
const LEEWAY: i64 = 60;
/// OpenID Connect Core 1.0 §2.
const MAX_SUBJECT: usize = 255;

/// Who signed in.
///
/// # Errors
/// With what is wrong with the token.
pub(super) fn read(
    token: &str,
    keys: &Value,
    login: &Login,
    nonce: &str,
    now: i64,
) -> Result<Approver, &'static str> {
    let (typ, claims) = jose::verified(token, keys)?;
    // RFC 8725 §3.11: an access token of the same issuer is none.
    if typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err("is a token of another type");
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    if text("iss") != Some(&login.issuer) {
        return Err("is of another issuer");
    }
    if !is_for(&claims, &login.client_id) {
        return Err("is for another application");
    }
    if text("nonce") != Some(nonce) {
        return Err("answers another attempt to sign in");
    }
    if number("exp").is_none_or(|exp| exp <= now) {
        return Err("has expired");
    }
    if number("iat").is_none_or(|iat| iat > now.saturating_add(LEEWAY)) {
        return Err("is from the future");
    }
    let auth_time = number("auth_time").ok_or("does not say when its subject signed in")?;
    if auth_time > now.saturating_add(LEEWAY)
        || auth_time < now.saturating_sub(login.max_age_seconds)
    {
        return Err("is of somebody who signed in too long ago");
    }
    let subject = text("sub").filter(|sub| (1..=MAX_SUBJECT).contains(&sub.len()));
    Ok(Approver {
        issuer: login.issuer.clone(),
        subject: subject.ok_or("names nobody")?.to_owned(),
        acr: text("acr").map(str::to_owned),
        auth_time: auth_time.min(now),
    })
}

/// §3.1.3.7 items 3 to 5, without audiences of which nothing is known.
fn is_for(claims: &Value, client: &str) -> bool {
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(all)) => matches!(all.as_slice(), [one] if one == client),
        _ => false,
    };
    audience && claims.get("azp").is_none_or(|azp| azp == client)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jose::Signatory;

    const NOW: i64 = 1_800_000_000;

    fn login() -> Login {
        let text = include_str!("../../approvals.json");
        let config: crate::config::Config = serde_json::from_str(text).unwrap();
        config.login
    }

    fn claims() -> Value {
        json!({
            "iss": "https://idp.acme.example", "sub": "lee", "aud": "approvals", "nonce": "n",
            "iat": NOW, "exp": NOW + 60, "auth_time": NOW - 10, "acr": "0",
        })
    }

    fn token(change: impl FnOnce(&mut Value)) -> (String, Value) {
        let key = Signatory::generate().unwrap();
        let mut claims = claims();
        change(&mut claims);
        (key.sign("JWT", &claims), json!({ "keys": [key.public_jwk()] }))
    }

    fn refused(why: &str, change: impl FnOnce(&mut Value)) {
        let (token, keys) = token(change);
        assert_eq!(read(&token, &keys, &login(), "n", NOW).unwrap_err(), why);
    }

    #[test]
    fn a_good_id_token_says_who_signed_in_and_when() {
        let (token, keys) = token(|_| ());
        let approver = read(&token, &keys, &login(), "n", NOW).unwrap();
        assert_eq!(approver.id(), "https://idp.acme.example#lee");
        assert_eq!((approver.acr.as_deref(), approver.auth_time), (Some("0"), NOW - 10));
    }

    #[test]
    fn every_claim_that_identity_rests_on_is_checked() {
        refused("is of another issuer", |c| c["iss"] = json!("https://idp.acme.example/"));
        refused("is for another application", |c| c["aud"] = json!("acme-portal"));
        refused("is for another application", |c| c["aud"] = json!(["approvals", "acme-portal"]));
        refused("is for another application", |c| c["azp"] = json!("acme-portal"));
        refused("answers another attempt to sign in", |c| c["nonce"] = json!("m"));
        refused("answers another attempt to sign in", |c| c["nonce"] = json!(null));
        refused("has expired", |c| c["exp"] = json!(NOW));
        refused("has expired", |c| c["exp"] = json!("never"));
        refused("is from the future", |c| c["iat"] = json!(NOW + 61));
        refused("does not say when its subject signed in", |c| c["auth_time"] = json!(null));
        refused("is of somebody who signed in too long ago", |c| c["auth_time"] = json!(NOW - 901));
        refused("is of somebody who signed in too long ago", |c| c["auth_time"] = json!(NOW + 61));
        refused("names nobody", |c| c["sub"] = json!(""));
        refused("names nobody", |c| c["sub"] = json!(7));
    }

    #[test]
    fn nobody_but_the_issuer_signs() {
        let (signed, keys) = token(|_| ());
        let (_, other) = token(|_| ());
        let wrong = |token: &str, keys: &Value| read(token, keys, &login(), "n", NOW).unwrap_err();
        assert_eq!(wrong(&signed, &other), "is signed by no key of the issuer");
        assert_eq!(wrong(&signed, &json!({})), "comes with no key set");
        let (input, signature) = signed.rsplit_once('.').unwrap();
        let (_, body) = input.split_once('.').unwrap();
        let unsigned = |header: &str| {
            use base64::Engine as _;
            let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
            [format!("{header}.{body}."), format!("{header}.{body}.{signature}")]
        };
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"ES256"}"#] {
            for token in unsigned(header) {
                assert_eq!(wrong(&token, &keys), "is signed by no key of the issuer", "{token}");
            }
        }
        let access_token = Signatory::generate().unwrap();
        let keys = json!({ "keys": [access_token.public_jwk()] });
        let token = access_token.sign("at+jwt", &claims());
        assert_eq!(wrong(&token, &keys), "is a token of another type");
    }
}
