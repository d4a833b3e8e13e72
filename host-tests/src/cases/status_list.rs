//! Status List Tokens (OAuth Token Status List) as issuers publish them.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{keys, moment, patch, token};

/// A list of `size` tokens, all valid but those in `statuses` (by index), `bits` each; `claims` is a merge
/// patch over what it says, the rest a recipe as for a token. `inflated`: as many zeros, whatever the size.
pub(super) fn signed(spec: &Value, now: u64) -> anyhow::Result<String> {
    let mut recipe =
        spec.as_object().cloned().context("a status list is described by an object")?;
    let bits = recipe.remove("bits").map_or(Some(2), |bits| bits.as_u64()).context("bits")?;
    let size = recipe.remove("size").map_or(Some(16), |size| size.as_u64()).context("size")?;
    let statuses = recipe.remove("statuses").unwrap_or_else(|| json!({}));
    let mut bytes = vec![0_u8; usize::try_from(size * bits / 8)?];
    for (index, status) in statuses.as_object().context("statuses are by index")? {
        let at = index.parse::<u64>()? * bits;
        let status = u8::try_from(status.as_u64().context("a status is a number")?)?;
        *bytes.get_mut(usize::try_from(at / 8)?).context("an index of the list")? |=
            status << (at % 8);
    }
    if let Some(inflated) = recipe.remove("inflated") {
        bytes = vec![0; usize::try_from(inflated.as_u64().context("inflated")?)?];
    }
    let lst = keys::encode(&miniz_oxide::deflate::compress_to_vec_zlib(&bytes, 1));
    let mut claims = json!({
        "sub": URI,
        "iat": "now",
        "exp": "now+600",
        "ttl": 30,
        "status_list": {"bits": bits, "lst": lst},
    });
    if let Some(change) = recipe.remove("claims") {
        patch::merge(&mut claims, &change);
    }
    moment::fill(&mut claims, now);
    recipe.insert("claims".to_owned(), claims);
    recipe.entry("key").or_insert_with(|| "es-1".into());
    recipe.entry("header").or_insert_with(|| json!({"typ": "statuslist+jwt"}));
    token::sign(&Value::Object(recipe))
}

/// Where the lists of the cases are.
pub const CLUSTER: &str = "statuses";
/// Unless `claims` say otherwise.
const URI: &str = "https://idp.acme.example/statuses/1";
