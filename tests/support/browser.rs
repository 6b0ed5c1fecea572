//! A real Chromium without a window, driven over its DevTools protocol: a pipe in, a pipe out, JSON in between.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for an answer: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(120);
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

pub struct Browser {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    events: Vec<Value>,
    session: Option<String>,
    last: u64,
    pub folder: tempfile::TempDir,
}

/// What is there of a screen.
#[derive(Clone, Copy)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub print: bool,
}

pub const WIDE: Screen = Screen { width: 1440, height: 900, dark: false, print: false };
pub const NARROW: Screen = Screen { width: 390, height: 844, dark: false, print: false };

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name))).find(|file| file.is_file())
}

impl Browser {
    /// Starts a browser with one empty page. Where none is installed that is said, and CI does not let it pass.
    pub fn start() -> Option<Self> {
        let Some(program) = chromium() else {
            assert!(std::env::var_os("CI").is_none(), "no Chromium on PATH: apt-get install chromium");
            eprintln!("not tested: no Chromium on PATH");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // Chromium talks on descriptors 3 and 4; the shell puts them where this process can reach them.
        let script = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(output);
            let mut message = Vec::new();
            while reader.read_until(0, &mut message).is_ok_and(|length| length > 1) {
                message.pop();
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self { child, input, answers, events: Vec::new(), session: None, last: 0, folder };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true }));
        browser.show(WIDE);
        Some(browser)
    }

    /// Sends a command and waits for its answer; events that come before it are kept.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.next(method);
            if answer["id"] == self.last {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    /// Waits for an event.
    pub fn wait(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) {
        let fits = |event: &Value| event["method"] == method && wanted(&event["params"]);
        while !self.events.iter().any(fits) {
            let event = self.next(method);
            self.events.push(event);
        }
    }

    fn next(&mut self, awaited: &str) -> Value {
        self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("Chromium did not answer: {awaited}"))
    }

    pub fn show(&mut self, screen: Screen) {
        let Screen { width, height, dark, print } = screen;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        let media = json!({ "media": if print { "print" } else { "" }, "features": [scheme] });
        self.call("Emulation.setEmulatedMedia", media);
    }

    /// Opens a page from its file, and waits until it says that it is ready.
    pub fn open(&mut self, page: &Path, hash: &str) {
        self.visit(page, hash);
        self.eval(
            "new Promise((ready) => { const look = () => document.documentElement.dataset.ready ? ready(true) : setTimeout(look, 5); look(); })",
        );
    }

    /// Opens a page from its file, and waits until it is loaded.
    pub fn visit(&mut self, page: &Path, hash: &str) {
        // A change of the hash alone would load nothing.
        for url in ["about:blank".to_owned(), format!("file://{}{hash}", page.display())] {
            let loader = self.call("Page.navigate", json!({ "url": url }))["loaderId"].take();
            self.wait("Page.lifecycleEvent", |event| event["name"] == "load" && event["loaderId"] == loader);
        }
    }

    /// What an expression comes to, awaited where it is a promise.
    pub fn eval(&mut self, expression: &str) -> Value {
        let question = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", question);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    pub fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is no text: {value}")).to_owned()
    }

    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.eval(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is no number: {value}"))
    }

    pub fn is(&mut self, expression: &str) -> bool {
        self.eval(expression) == Value::Bool(true)
    }

    /// Waits until an expression holds.
    pub fn until(&mut self, expression: &str) {
        self.eval(&format!("new Promise((done) => {{ const look = () => ({expression}) ? done(true) : setTimeout(look, 5); look(); }})"));
    }

    /// Presses keys as a person would: characters, or names such as `Enter`.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let code = match *key {
                "Enter" => 13,
                "Tab" => 9,
                "Escape" => 27,
                "ArrowUp" => 38,
                "ArrowDown" => 40,
                "ArrowLeft" => 37,
                "ArrowRight" => 39,
                _ => 0,
            };
            let mut event = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
            match *key {
                "Enter" => event["text"] = "\r".into(),
                key if key.chars().count() == 1 => event["text"] = key.into(),
                _ => event["type"] = "rawKeyDown".into(),
            }
            self.call("Input.dispatchKeyEvent", event);
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }),
            );
        }
    }

    /// Everything that a clean page does not do: errors, warnings, requests.
    pub fn troubles(&self) -> Vec<String> {
        let troubles =
            self.events.iter().filter(|event| match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Log.entryAdded" | "Runtime.consoleAPICalled" => true,
                "Network.requestWillBeSent" => {
                    let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                    !url.starts_with("file://") || !url.contains("/index.html")
                }
                _ => false,
            });
        troubles.map(ToString::to_string).filter(|text| !text.contains("about:blank")).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to close, it takes its children along; the pipe's end would do the same a little later.
        self.session = None;
        let _ = self.input.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.child.wait();
    }
}
