"use strict";
(() => {
  const LATE_MS = 10000, LOST_MS = 3000, AGAIN_MS = 3000;
  const root = document.documentElement, body = document.body;
  const age = document.getElementById("age"), clock = document.getElementById("clock");
  const notes = document.getElementById("notes"), problems = document.getElementById("problems");
  const reason = document.querySelector("#stalled p"), said = document.getElementById("said");
  const stalledAfterMs = Number(body.dataset.stalledAfterMs);
  const phone = matchMedia("(max-width: 800px)"), light = matchMedia("(prefers-color-scheme: light)");
  const asked = new URLSearchParams(location.search);

  // Dark, unless the address says theme=light or theme=system; most browsers prefer light without having been asked.
  const theme = asked.get("theme");
  const paint = () => {
    root.dataset.theme = theme === "light" || (theme === "system" && light.matches) ? "light" : "dark";
  };
  paint();
  light.addEventListener("change", paint);

  let source = null, triedAt = 0, frameAt = -Infinity, frame = null;

  function connect() {
    triedAt = performance.now();
    if (source) source.close();
    asked.set("form", phone.matches ? "phone" : "wall");
    source = new EventSource("wall/frames?" + asked);
    source.onmessage = (message) => {
      frame = JSON.parse(message.data);
      frameAt = performance.now();
      frame.tiles.forEach(show);
      tell();
    };
  }

  // New nodes take the place of the old ones at once: nothing flickers, and no script in them could run.
  function show(tile) {
    const element = document.getElementById(tile.id);
    if (!element) return;
    const template = document.createElement("template");
    template.innerHTML = tile.html;
    element.querySelector(".body").replaceChildren(template.content);
    element.querySelector("small").textContent = tile.to;
  }

  const seconds = (ms) => Math.floor(ms / 1000) + " s";

  // Says how old what is shown is. What the server knew ages here, too: a page whose frames stop coming looks its age.
  function tell() {
    const sinceMs = performance.now() - frameAt;
    let state, words;
    if (!frame || sinceMs > LOST_MS) {
      state = "disconnected";
      words = frame ? "no connection for " + seconds(sinceMs) : "no connection";
    } else if (frame.catching_up) {
      state = "recovering";
      words = "catching up";
    } else if (frame.quiet_ms === null) {
      state = "quiet";
      words = "no events yet";
    } else if (frame.behind_ms === 0 && frame.quiet_ms + sinceMs > stalledAfterMs) {
      state = "quiet";
      words = "no events for " + seconds(frame.quiet_ms + sinceMs);
    } else {
      const behindMs = frame.behind_ms + sinceMs;
      state = behindMs > LATE_MS ? "late" : "live";
      words = seconds(behindMs) + " behind";
    }
    if (body.dataset.state !== state) {
      body.dataset.state = state;
      // For those who listen: once, and not each second.
      said.textContent = { live: "", recovering: "catching up", late: "late", quiet: "stalled: no events", disconnected: "stalled: no connection" }[state];
    }
    if (age.textContent !== words) age.textContent = words;
    const why = state === "quiet" || state === "disconnected" ? words : "";
    if (reason.textContent !== why) reason.textContent = why;
    const good = frame ? frame.notes.join(" · ") : "", bad = frame ? frame.problems.map((one) => "⚠ " + one).join(" ") : "";
    if (notes.textContent !== good) notes.textContent = good;
    if (problems.textContent !== bad) problems.textContent = bad;
    const time = new Date().toISOString().slice(11, 16) + " UTC";
    if (clock.textContent !== time) clock.textContent = time;
  }

  // A browser gives up for good on some errors, and may wait for ever on a connection that is gone.
  function watch() {
    tell();
    const now = performance.now(), isLost = now - frameAt > LOST_MS;
    if (isLost && now - triedAt > AGAIN_MS) connect();
  }

  phone.addEventListener("change", connect);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "f" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen().catch(() => {});
  });
  connect();
  setInterval(watch, 250);
})();
