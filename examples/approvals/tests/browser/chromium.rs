//! The little of WebDriver (W3C) that the tests need.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// W3C WebDriver §12.1.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
pub(crate) struct Chromium {
    client: reqwest::Client,
    session: String,
    _driver: Child,
}

impl Chromium {
    pub(crate) async fn start((width, height): (u32, u32)) -> Self {
        let driver = std::env::var_os("DEPUTY_CHROMEDRIVER")
            .expect("DEPUTY_CHROMEDRIVER must be the path of chromedriver");
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let port = port(&mut driver).await;
        let client = reqwest::Client::new();
        let mut chromium = Self { client, session: String::new(), _driver: driver };
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        let mut options = json!({ "args": arguments });
        if width < 500 {
            // A window can't be that narrow; a phone can.
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0 } });
        }
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let session = chromium.call(&base, Some(wanted)).await;
        chromium.session = format!("{base}/{}", session["sessionId"].as_str().unwrap());
        chromium
    }

    pub(crate) async fn end(self) {
        self.client.delete(&self.session).send().await.unwrap();
    }

    pub(crate) async fn go(&self, address: &str) {
        self.post("url", json!({ "url": address })).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("element/{element}/click"), json!({})).await;
    }

    pub(crate) async fn keys(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    pub(crate) async fn type_into_focused(&self, text: &str) {
        let active = self.call(&format!("{}/element/active", self.session), None).await;
        let element = active[ELEMENT].as_str().unwrap().to_owned();
        self.post(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// The value of what has the focus.
    pub(crate) async fn focused(&self) -> String {
        let value = self.run("return document.activeElement.value").await;
        value.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let text = self.call(&format!("{}/element/{element}/text", self.session), None).await;
        text.as_str().unwrap().to_owned()
    }

    pub(crate) async fn source(&self) -> String {
        let source = self.call(&format!("{}/source", self.session), None).await;
        source.as_str().unwrap().to_owned()
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    pub(crate) async fn wait_for_heading(&self, heading: &str) {
        for _ in 0..100 {
            let script = "return (document.querySelector('h1') || {}).textContent || ''";
            if self.run(script).await == heading {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the heading is not {heading:?} but {:?}", self.text("h1").await);
    }

    /// The whole page, not only what fits into the window.
    pub(crate) async fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("DEPUTY_SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        // A page can be there before it is laid out, and then it has no width to be shown.
        for _ in 0..100 {
            if self.run("return document.documentElement.scrollWidth").await.as_u64() > Some(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let asked =
            json!({ "cmd": "Page.captureScreenshot", "params": { "captureBeyondViewport": true } });
        let shot = self.post("goog/cdp/execute", asked).await;
        let png = base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    async fn element(&self, selector: &str) -> String {
        let found =
            self.post("element", json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call(&format!("{}/{path}", self.session), Some(body)).await
    }

    async fn call(&self, address: &str, body: Option<Value>) -> Value {
        let request = match &body {
            None => self.client.get(address),
            Some(body) => self.client.post(address).json(body),
        };
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].clone();
        assert!(value.get("error").is_none(), "{address}: {value}");
        value
    }
}

/// `ChromeDriver was started successfully on port 12345.`
async fn port(driver: &mut Child) -> u16 {
    let stdout = driver.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, rest)) = line.split_once("successfully on port ") {
            // Its log has to be read to the end, or it stops when the pipe is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return rest.trim_end_matches('.').trim().parse().unwrap();
        }
    }
    panic!("chromedriver ended");
}
