//! A real headless Chromium by Debian's chromedriver, ended when the value goes.
//!
//! What the tests need beyond opening a page is the browser's own protocol (dark mode, print, the accessibility tree,
//! scripts switched off), which chromedriver passes on as it is. So this speaks WebDriver's few lines itself: of the
//! clients, thirtyfour would turn on serde_json's `preserve_order` in everything that is tested, and fantoccini knows
//! nothing of that protocol.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};

use crate::http::ask;
use crate::is_root;

/// A browser with one page.
pub struct Browser {
    driver: Child,
    address: String,
    session: String,
}

impl Browser {
    /// Starts one.
    pub fn start() -> Browser {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs: `cargo xtask test` installs it");
        let lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let mut ports = lines.map_while(Result::ok).filter_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        let address = format!("127.0.0.1:{}", ports.next().expect("chromedriver says its port"));
        let mut browser = Browser { driver, address, session: String::new() };
        let mut options = vec!["--headless=new", "--disable-gpu", "--disable-dev-shm-usage"];
        if is_root() {
            options.push("--no-sandbox");
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": options},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = browser.call("POST", "/session", &wanted);
        browser.session = format!("/session/{}", session["sessionId"].as_str().expect("a session"));
        browser
    }

    /// Opens a file.
    pub fn open(&self, file: &Path) {
        self.on_session("/url", &json!({"url": format!("file://{}", file.display())}));
    }

    /// A command of the browser's own protocol.
    pub fn tell(&self, command: &str, parameters: Json) -> Json {
        self.on_session("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// The value of an expression in the page; of a promise, what becomes of it.
    pub fn value(&self, expression: &str) -> Json {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut outcome = self.tell("Runtime.evaluate", parameters);
        let shown: String = expression.chars().take(200).collect();
        assert!(outcome.get("exceptionDetails").is_none(), "{shown}: {outcome:#}");
        outcome["result"]["value"].take()
    }

    /// Shows the page `width` pixels wide, in `scheme` (`light` or `dark`), on `media` (`screen` or `print`).
    pub fn show(&self, width: u32, scheme: &str, media: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.tell("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", json!({"media": media, "features": features}));
    }

    /// Presses a key that writes nothing, or Enter.
    pub fn press(&self, key: &str, code: u8) {
        let text = if key == "Enter" { "\r" } else { "" };
        let stroke = |kind| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.tell("Input.dispatchKeyEvent", stroke("keyDown"));
        self.tell("Input.dispatchKeyEvent", stroke("keyUp"));
    }

    /// What the page's readers by ear meet, in its order: role, name and the whole node, without what is hidden.
    pub fn spoken(&self) -> Vec<(String, String, Json)> {
        let tree = self.tell("Accessibility.getFullAXTree", json!({}));
        let nodes = tree["nodes"].as_array().expect("a tree").iter().filter(|node| node["ignored"] == false);
        let text = |node: &Json, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
        nodes.map(|node| (text(node, "role"), text(node, "name"), node.clone())).collect()
    }

    /// What was logged since the last time: `browser` for the console, `performance` for what the page did.
    pub fn log(&self, kind: &str) -> Vec<String> {
        let entries = self.on_session("/se/log", &json!({"type": kind}));
        let entries = entries.as_array().expect("entries").iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn on_session(&self, path: &str, body: &Json) -> Json {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Json) -> Json {
        let (status, answer) = ask(&self.address, method, path, &body.to_string());
        let mut answer: Json =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(status, 200, "{path}: {answer:#}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The browser ends with its session; without one it was never started.
            ask(&self.address, "DELETE", &self.session, "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
