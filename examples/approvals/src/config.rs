//! The configuration: one JSON file, checked once, when the service starts.
//!
//! Every error names the member and says what to do. Not here: anything secret; keys are files of their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;

/// The longest an approval may live: what the gateway accepts at most.
const MAX_APPROVAL_SECONDS: i64 = 300;

/// The file, word for word.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where people reach the page.
    pub listen: SocketAddr,
    /// Where gateways reach the service. Whoever reaches it can ask: agents must not.
    pub gateway_listen: SocketAddr,
    /// The address of the page as browsers see it, without a slash at its end.
    pub address: String,
    /// `iss` of every approval.
    pub issuer: String,
    /// The folder of the database and the signing key; relative to this file.
    pub data: PathBuf,
    /// Audiences of the gateways that may ask.
    pub gateways: Vec<String>,
    /// Where people sign in.
    pub login: Login,
    /// Who may approve.
    pub people: Vec<Person>,
    /// How long an approval can be used, and a denial holds.
    #[serde(default = "default_approval_seconds")]
    pub approval_seconds: i64,
    /// Whether the human behind an agent may approve what it does for them.
    #[serde(default)]
    pub delegator_may_approve: bool,
    /// Against floods.
    #[serde(default)]
    pub limits: Limits,
    /// Told of every new request.
    #[serde(default)]
    pub webhook: Option<Webhook>,
}

/// The OpenID provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// `iss` of its ID tokens.
    pub issuer: String,
    /// The service's name there.
    pub client_id: String,
    /// The service's private key there (`private_key_jwt`), a JWK; relative to the configuration.
    pub key_file: PathBuf,
    /// Where browsers are sent.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Its keys.
    pub jwks_uri: String,
    /// How long ago somebody may have signed in and still decide.
    #[serde(default = "default_max_age_seconds")]
    pub max_age_seconds: i64,
}

/// Somebody who may decide.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// `issuer#subject` as the gateway's registry has it.
    pub id: String,
    /// As the page greets them.
    pub name: String,
    /// What they may decide: `finance` for what asks for `role:finance`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Likewise for `team:support`; `role:support` asks for either.
    #[serde(default)]
    pub teams: Vec<String>,
}

/// Against floods.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open requests of one agent.
    pub pending_per_agent: u32,
    /// New requests of one agent in an hour.
    pub opened_per_agent_per_hour: u32,
    /// Open requests of all agents.
    pub pending: u32,
    /// How long a request stays open after it was asked for last.
    pub pending_seconds: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_per_agent: 20,
            opened_per_agent_per_hour: 120,
            pending: 10_000,
            pending_seconds: 3600,
        }
    }
}

/// Told of every new request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// How often it is tried.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
}

fn default_approval_seconds() -> i64 {
    MAX_APPROVAL_SECONDS
}

fn default_max_age_seconds() -> i64 {
    900
}

fn default_attempts() -> u32 {
    5
}

impl Config {
    /// Reads and checks the file; what is relative in it becomes relative to where it stands.
    ///
    /// # Errors
    /// With file, line and member, and what to do.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
        let mut config: Self = serde_json::from_str(&text).map_err(|e| format!("{shown}: {e}"))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.data = folder.join(&config.data);
        config.login.key_file = folder.join(&config.login.key_file);
        config.check().map_err(|problem| format!("{shown}: {problem}"))?;
        Ok(config)
    }

    /// What a shape alone does not say.
    ///
    /// # Errors
    /// With the member and what to do.
    pub fn check(&self) -> Result<(), String> {
        self.check_addresses()?;
        self.check_people()?;
        if self.gateways.is_empty() {
            return Err("gateways: is empty; name the `gateway.audience` of each gateway".into());
        }
        between("approval_seconds", self.approval_seconds, 10, MAX_APPROVAL_SECONDS)?;
        between("login.max_age_seconds", self.login.max_age_seconds, 60, 86_400)?;
        between("limits.pending_seconds", self.limits.pending_seconds, 60, 604_800)?;
        let limits = &self.limits;
        between("limits.pending_per_agent", limits.pending_per_agent.into(), 1, 1_000)?;
        between("limits.pending", limits.pending.into(), 1, 1_000_000)?;
        between(
            "limits.opened_per_agent_per_hour",
            limits.opened_per_agent_per_hour.into(),
            1,
            100_000,
        )?;
        self.webhook
            .as_ref()
            .map_or(Ok(()), |hook| between("webhook.attempts", hook.attempts.into(), 1, 20))
    }

    fn check_addresses(&self) -> Result<(), String> {
        let seen_by_browsers = |member: &str, text: &str| {
            let url = url(member, text)?;
            if url.scheme() == "https" || is_loopback(&url) {
                return Ok(url);
            }
            Err(format!("{member}: must be https, or http on loopback"))
        };
        let address = seen_by_browsers("address", &self.address)?;
        if address.origin().ascii_serialization() != self.address {
            return Err("address: scheme, host and port only, and no slash at its end".into());
        }
        seen_by_browsers("login.authorization_endpoint", &self.login.authorization_endpoint)?;
        called("login.token_endpoint", &self.login.token_endpoint)?;
        called("login.jwks_uri", &self.login.jwks_uri)?;
        if let Some(webhook) = &self.webhook {
            called("webhook.url", &webhook.url)?;
        }
        Ok(())
    }

    fn check_people(&self) -> Result<(), String> {
        let prefix = format!("{}#", self.login.issuer);
        let mut seen = BTreeMap::new();
        for (index, person) in self.people.iter().enumerate() {
            if person.id.strip_prefix(&prefix).is_none_or(str::is_empty) {
                return Err(format!(
                    "people[{index}].id: must begin with `{prefix}`: nobody else can sign in here"
                ));
            }
            if let Some(first) = seen.insert(&person.id, index) {
                return Err(format!("people[{index}].id: is people[{first}] as well"));
            }
            let wrong = |role: &&String| role.is_empty() || role.contains(':');
            if let Some(role) = person.roles.iter().chain(&person.teams).find(wrong) {
                return Err(format!(
                    "people[{index}]: `{role}`: write `finance` for what asks for `role:finance`"
                ));
            }
        }
        if seen.is_empty() {
            return Err("people: is empty; then nobody can approve anything".into());
        }
        Ok(())
    }

    /// The redirect address that has to be registered at the OpenID provider.
    #[must_use]
    pub fn callback(&self) -> String {
        format!("{}/login/callback", self.address)
    }

    /// Whether browsers reach the page over TLS, so that cookies can demand it.
    pub(crate) fn secure(&self) -> bool {
        self.address.starts_with("https://")
    }
}

/// What the service itself calls.
fn called(member: &str, text: &str) -> Result<(), String> {
    if is_loopback(&url(member, text)?) {
        return Ok(());
    }
    Err(format!(
        "{member}: `{text}` is not http on loopback, and this example has no TLS of its own; \
         let a proxy on this machine speak TLS (an Envoy listener that routes there) and name its address"
    ))
}

fn url(member: &str, text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|e| format!("{member}: `{text}` is no address: {e}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "http" && matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

fn between(member: &str, is: i64, least: i64, most: i64) -> Result<(), String> {
    if (least..=most).contains(&is) {
        return Ok(());
    }
    Err(format!("{member}: is {is}; must be from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn example() -> Value {
        serde_json::from_str(include_str!("../approvals.json")).unwrap()
    }

    fn problem(pointer: &str, value: Value) -> String {
        let mut config = example();
        *config.pointer_mut(pointer).unwrap() = value;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approvals.json");
        std::fs::write(&path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
        Config::read(&path).map(|_| String::new()).unwrap_or_else(|problem| problem)
    }

    #[test]
    fn the_example_configuration_is_read() {
        assert_eq!(problem("/approval_seconds", json!(300)), "");
    }

    #[test]
    fn an_error_names_the_member() {
        let says = |pointer: &str, value: Value, what: &str| {
            let problem = problem(pointer, value);
            assert!(problem.contains(what), "{pointer}: {problem}");
        };
        says("/approval_seconds", json!(301), "approval_seconds: is 301");
        says("/address", json!("http://approvals.acme.example"), "address: must be https");
        says("/address", json!("http://127.0.0.1:9402/"), "no slash");
        says("/login/token_endpoint", json!("https://idp.acme.example/token"), "no TLS of its own");
        says("/people/1/id", json!("https://other.example#lee"), "people[1].id: must begin with");
        says("/people/1/id", example()["people"][0]["id"].clone(), "people[0] as well");
        says("/people/0/roles", json!(["role:finance"]), "write `finance`");
        says("/people", json!([]), "nobody can approve");
        says("/gateways", json!([]), "gateways: is empty");
        says("/login", json!({ "isuer": "x" }), "unknown field `isuer`");
    }
}
