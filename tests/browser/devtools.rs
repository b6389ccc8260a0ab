//! A headless Chromium, driven over the two pipes of its DevTools protocol: messages of JSON that end in a zero byte. Whatever
//! is waited for has a deadline.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Far beyond what a page here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A browser with one page. It ends when it is dropped.
pub(crate) struct Browser {
    child: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    sent: u64,
    session: Option<String>,
    /// What the browser has told without being asked.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser; a machine without one fails the test.
    pub(crate) fn start() -> Browser {
        let profile = TempDir::new().unwrap();
        let line = "exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
                    --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
                    --remote-debugging-pipe --user-data-dir=\"$0\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", line])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let messages = messages(answers);
        let mut browser =
            Browser { child, requests, messages, sent: 0, session: None, events: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = Some(browser.call("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method of the protocol and returns its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut request = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&request).unwrap();
        bytes.push(0);
        self.requests.write_all(&bytes).expect("no chromium here: it takes Debian's package of that name");
        let begun = Instant::now();
        loop {
            let message = self.message(begun, method);
            if message["id"] == json!(self.sent) {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.navigate(&format!("file://{}", file.display()));
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn navigate(&mut self, url: &str) {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        let begun = Instant::now();
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let message = self.message(begun, "the page to load");
            self.events.push(message);
        }
    }

    /// Evaluates an expression in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}\n{}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub(crate) fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.eval(expression) != json!(true) {
            assert!(begun.elapsed() < DEADLINE, "{expression}\ndid not become true");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything the browser has complained about since the page was opened: errors, what the policy of the page forbids,
    /// and files that were asked for.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        self.eval("1"); // what is on its way arrives before the answer
        let is_complaint = |event: &&Value| match event["method"].as_str() {
            Some("Log.entryAdded" | "Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] != "log",
            _ => false,
        };
        self.events.iter().filter(is_complaint).map(|event| event["params"].to_string()).collect()
    }

    /// Makes the page as wide and high as this.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Shows the page in `light` or `dark`.
    pub(crate) fn scheme(&mut self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Presses a key such as `Tab` or `Enter`.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            "ArrowRight" => (39, ""),
            other => panic!("which code has {other}?"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let name = if key == " " { "Space" } else { key };
            let event = json!({ "type": kind, "key": key, "code": name, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types words into what has the focus.
    pub(crate) fn type_in(&mut self, words: &str) {
        self.call("Input.insertText", json!({ "text": words }));
    }

    /// Moves the mouse to the middle of the first visible element of a selector, after scrolling to it.
    pub(crate) fn hover(&mut self, selector: &str) -> (f64, f64) {
        let place = self.eval(&format!(
            "(() => {{ const one = [...document.querySelectorAll({selector:?})].find((one) => one.getClientRects().length);
              one.scrollIntoView({{ block: 'center', behavior: 'instant' }});
              const box = one.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        let (x, y) = (place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
        (x, y)
    }

    /// Clicks the first visible element of a selector.
    pub(crate) fn click(&mut self, selector: &str) {
        let (x, y) = self.hover(selector);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Prints the page on A4 as PDF.
    pub(crate) fn pdf(&mut self) -> Vec<u8> {
        use base64::Engine;
        let answer = self
            .call("Page.printToPDF", json!({ "paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true }));
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    fn message(&mut self, begun: Instant, waited_for: &str) -> Value {
        let left = DEADLINE.saturating_sub(begun.elapsed());
        match self.messages.recv_timeout(left) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("{waited_for} took longer than {} s", DEADLINE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("chromium has ended, or there is none: it takes Debian's package of that name")
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads messages until the pipe ends.
fn messages(answers: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for message in BufReader::new(answers).split(0).map_while(Result::ok) {
            if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}
