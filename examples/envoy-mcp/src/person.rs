//! A person with a browser: opens a page, follows where it leads, fills in forms.
//!
//! It knows nothing of the page but what stands on it, so that the page is tested by a stranger. It keeps
//! cookies per host, as browsers do. Deliberately not here: scripts, styles, anything that is seen.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, Url};

/// Redirects one click leads through.
const MAX_REDIRECTS: usize = 10;

/// Somebody's browser.
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// What the browser shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it ended up.
    pub address: Url,
    /// The HTTP status.
    pub status: u16,
    /// The HTML.
    pub html: String,
}

/// A form on a page.
#[derive(Debug, Clone)]
pub struct Form {
    action: Url,
    fields: Vec<(String, String)>,
    buttons: Vec<(String, String)>,
}

impl Browser {
    /// A fresh one.
    ///
    /// # Errors
    /// If there can be no HTTP client.
    pub fn open() -> Result<Self, String> {
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Ok(Self { client: client.map_err(|e| e.to_string())?, cookies: BTreeMap::new() })
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// If nobody answers there, or it leads in circles.
    pub async fn go(&mut self, address: &str) -> Result<Page, String> {
        let address = Url::parse(address).map_err(|e| format!("{address}: {e}"))?;
        self.load(Method::GET, address, None).await
    }

    /// Presses a button of a form.
    ///
    /// # Errors
    /// As [`Browser::go`], and if the form has no such button.
    pub async fn press(&mut self, form: &Form, name: &str, value: &str) -> Result<Page, String> {
        let button = (name.to_owned(), value.to_owned());
        if !form.buttons.contains(&button) {
            return Err(format!("the form has no button {name}={value}: {form:?}"));
        }
        let fields = form.fields.iter().cloned().chain([button]).collect();
        self.load(Method::POST, form.action.clone(), Some(fields)).await
    }

    /// The cookies that go to a host.
    #[must_use]
    pub fn cookies(&self, host: &str) -> BTreeMap<String, String> {
        self.cookies.get(host).cloned().unwrap_or_default()
    }

    async fn load(
        &mut self,
        mut method: Method,
        mut address: Url,
        mut fields: Option<Vec<(String, String)>>,
    ) -> Result<Page, String> {
        for _ in 0..MAX_REDIRECTS {
            let mut request = self.client.request(method.clone(), address.clone());
            if let Some(line) = self.cookie_line(&address) {
                request = request.header(COOKIE, line);
            }
            if let Some(fields) = &fields {
                let origin = address.origin().ascii_serialization();
                request = request.header(ORIGIN, origin).form(fields);
            }
            let answer = request.send().await.map_err(|e| format!("{address}: {e}"))?;
            self.keep_cookies(&address, &answer);
            let status = answer.status();
            let next = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match next.filter(|_| status.is_redirection()).map(|to| address.join(to)) {
                None => {
                    let html = answer.text().await.map_err(|e| e.to_string())?;
                    return Ok(Page { address, status: status.as_u16(), html });
                }
                Some(next) => {
                    address = next.map_err(|e| e.to_string())?;
                    // RFC 9110 §15.4.4: what follows a form is a GET.
                    (method, fields) = (Method::GET, None);
                }
            }
        }
        Err(format!("{address} leads in circles"))
    }

    fn cookie_line(&self, address: &Url) -> Option<String> {
        let cookies = self.cookies.get(address.host_str()?)?;
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { Some(pairs.join("; ")) }
    }

    fn keep_cookies(&mut self, address: &Url, answer: &reqwest::Response) {
        let cookies =
            self.cookies.entry(address.host_str().unwrap_or_default().to_owned()).or_default();
        for line in
            answer.headers().get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok())
        {
            let pair = line.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                match value {
                    "" => cookies.remove(name.trim()),
                    _ => cookies.insert(name.trim().to_owned(), value.trim().to_owned()),
                };
            }
        }
    }
}

impl Page {
    /// The form that has a button of this name.
    ///
    /// # Errors
    /// With what is on the page, if there is none.
    pub fn form_with(&self, button: &str) -> Result<Form, String> {
        let mut forms = self.html.split("<form").skip(1).map(|rest| self.form(rest));
        let found = forms.find(|form| form.buttons.iter().any(|(name, _)| name == button));
        found.ok_or_else(|| {
            format!(
                "{} ({}) has no form with `{button}`:\n{}",
                self.address, self.status, self.html
            )
        })
    }

    fn form(&self, rest: &str) -> Form {
        let inner = rest.split("</form").next().unwrap_or_default();
        let tag = inner.split('>').next().unwrap_or_default();
        let action = attribute(tag, "action").unwrap_or_default();
        let action = self.address.join(&action).unwrap_or_else(|_| self.address.clone());
        let named = |element: &str| {
            let start = format!("<{element}");
            let tags = inner.split(&start).skip(1);
            let pairs = tags.filter_map(|tag| {
                let tag = tag.split('>').next()?;
                Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
            });
            pairs.collect::<Vec<_>>()
        };
        let fields = [named("input"), named("textarea")].concat();
        Form { action, fields, buttons: named("button") }
    }
}

impl Form {
    /// Writes into a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What stands in a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Opens the page of a request, signs in as asked, and decides.
///
/// # Errors
/// With what the page says, if it does not let this person decide.
pub async fn decide(
    address: &str,
    name: &str,
    decision: &str,
    reason: &str,
) -> Result<Page, String> {
    let mut browser = Browser::open()?;
    let sign_in = browser.go(address).await?;
    let page = browser.press(&sign_in.form_with("user")?, "user", name).await?;
    let form = page.form_with("decision")?.with("reason", reason);
    let done = browser.press(&form, "decision", decision).await?;
    if done.status == 200 { Ok(done) } else { Err(format!("{}:\n{}", done.status, done.html)) }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    let entities = [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(entities.iter().fold(value.to_owned(), |text, (entity, c)| text.replace(entity, c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_fields_and_buttons() {
        let html = r#"<form action="/out"><button name="x">x</button></form>
            <form method="post" action="/r/1"><input type="hidden" name="csrf" value="a&amp;b">
            <textarea id="r" name="reason"></textarea><button name="decision" value="approve">Yes</button></form>"#;
        let address = Url::parse("http://127.0.0.1:1/r/1").unwrap();
        let page = Page { address, status: 200, html: html.to_owned() };
        let form = page.form_with("decision").unwrap();
        assert_eq!(form.action.as_str(), "http://127.0.0.1:1/r/1");
        assert_eq!(form.field("csrf"), Some("a&b"));
        assert_eq!(form.with("reason", "fine").field("reason"), Some("fine"));
        assert!(page.form_with("other").is_err());
    }
}
