// The screen above a counter: its number, and the ticket that is called there, as large as it can be.

import { clock, el, fill, now, overlay, page, put, say, watch } from "./common.js";

const FRESH = 8000; // ms for which a new call stands out
const NEWS = 30000; // ms after which a call that came while we heard nothing is no news any more
const FACES = {
  called: (view) => [view.ticket, say("page.display.go", view)],
  serving: (view) => [view.ticket, say("page.display.serving")],
  open: () => ["", say("page.display.open")],
  paused: () => [say("page.display.paused"), say("page.display.paused_hint")],
  closed: () => [say("page.display.closed"), say("page.display.closed_hint")],
};

const time = el("time", { class: "clock" });
const large = el("p", { class: "large" });
const hint = el("p", { class: "hint" });
const face = el("section", { class: "face", "aria-live": "polite", "aria-atomic": "true" }, large, hint);
const trouble = el("p", { class: "notices", role: "status", hidden: true });
const main = document.getElementById("main");
const [before, after = ""] = say("page.display.counter").split("{counter}");
main.append(
  el("header", { class: "top" },
    el("h2", { class: "counter" }, before, el("strong", {}, page.counter), after), time),
  face, trouble);

let view;
let called = ""; // the call that is shown
let fresh = 0; // until when it stands out, ms since the page was loaded
let lost = null; // whether nothing was heard since the last picture; null: there was none yet

function draw() {
  if (!view) return;
  const [text, words] = FACES[view.state](view);
  main.dataset.state = view.state;
  face.classList.toggle("fresh", performance.now() < fresh);
  put(large, text);
  put(hint, words);
  trouble.hidden = !view.trouble;
  put(trouble, view.trouble);
  fit();
}

/** Make the large type smaller until it is no wider than the screen. */
function fit() {
  large.style.fontSize = "";
  const most = large.scrollWidth / large.clientWidth;
  if (most > 1) large.style.fontSize = `${parseFloat(getComputedStyle(large).fontSize) / most / 1.01}px`;
}

/** A call that is news stands out; not one that was there when the page was opened, nor one that is long past. */
function notice() {
  const call = view.state === "called" ? `${view.ticket} ${view.called}` : "";
  const isNews = call && call !== called && lost !== null && !(lost && view.now - view.called >= NEWS);
  if (isNews) fresh = performance.now() + FRESH;
  if (!call) fresh = 0;
  called = call;
  lost = false;
}

watch(`/api/displays/${encodeURIComponent(page.counter)}/live`, (picture) => {
  view = picture;
  notice();
  draw();
}, {
  stale(since) {
    overlay(since);
    if (since && lost !== null) lost = true;
  },
});

function tick() {
  put(time, clock(now()));
  draw();
}

tick();
setInterval(tick, 1000);
addEventListener("resize", draw);
document.fonts?.ready.then(draw);
