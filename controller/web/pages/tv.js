// The television on the wall: nobody touches it, so that it has to look after itself.
import { clock, el, fill, now, overlay, page, put, say, watch } from "./common.js";

const RECENT = 7;
const FRESH = 8000; // ms for which a new call stands out
const TURN = 8000; // ms after which the next services and notices are shown
const NEWS = 30000; // ms after which a call that came while we heard nothing is no news any more
const BACKLOG = 6; // calls that may wait to be spoken; older ones are on the screen
const OLD = 60000; // ms after which a call that waited is not worth speaking any more
const TIMES = 2; // how often a call is spoken
const SILENT = 4000; // ms in which a voice has to begin, or there is none
const LONGEST = 15000; // ms of one announcement
const DUMB = 60000; // ms after which a browser without a voice is tried again
const BREATH = 500; // ms after an announcement
const OFFERED = 60000; // ms for which a screen without sound says so: after that nobody is there to touch it
const TUNING = 2000; // ms in which sound begins where a browser lets it
const KEPT = "lobby.sound";

// -- what is shown ----------------------------------------------------------------------------------------------

const branch = el("p", { class: "branch" }, page.branch);
const time = el("time", { class: "clock" });
const newest = el("section", { class: "now", "aria-live": "polite", "aria-atomic": "true" });
const recent = el("ol");
const soon = el("ol");
const services = el("tbody");
const turn = el("span", { class: "turn" });
const waiting = el(
  "section", { class: "panel waiting" },
  el("table", {},
    el("thead", {}, el("tr", {},
      el("th", { scope: "col" }, el("span", {}, say("page.tv.waiting")), turn),
      el("th", { scope: "col", class: "people" }, say("page.tv.people")),
      el("th", { scope: "col", class: "wait" }, say("page.tv.wait")))),
    services),
);
const notices = el("ul", { class: "notices", "aria-live": "polite", "aria-label": say("page.tv.notices"), hidden: true });
const missed = el("section", { class: "missed", "aria-live": "polite", hidden: true });
const left = el("div", { class: "left" }, newest, waiting);
const panel = (name, title, list) => el("section", { class: `panel ${name}` }, el("h2", {}, title), list);
const right = el("div", { class: "right" },
  panel("recent", say("page.tv.recent"), recent), panel("soon", say("page.tv.soon"), soon));
document.getElementById("main").append(el("header", { class: "top" }, branch, time), left, right,
  el("div", { class: "foot" }, missed, notices));

const shown = new Map(); // part of the screen -> what it shows, as text: what has not changed is left alone
let view;
let turns = 0;
let parts = []; // the services' rows, as many at a time as there is room for
let missedTurn = false; // whether those who missed a call do not fit on one line together
let isLong = false; // whether the notices of this turn do not fit on two lines together
const since = new Map(); // call -> when this page first saw it
const keyOf = (call) => `${call.ticket} ${call.counter} ${call.at}`;
const isFresh = (call) => performance.now() - (since.get(keyOf(call)) ?? -FRESH) < FRESH;

function changed(part, content) {
  const text = JSON.stringify(content);
  if (shown.get(part) === text) return false;
  shown.set(part, text);
  return true;
}

/** A counter as people say it, its number larger than the words around it. */
function where(counter) {
  const [before, after = ""] = say("page.tv.counter").split("{counter}");
  return [before, el("strong", {}, counter), after];
}

const arrow = () => el("span", { class: "arrow", "aria-hidden": "true" }, "→");

const callRow = (call) =>
  el("li", {}, el("span", { class: "ticket" }, call.ticket), arrow(), el("span", {}, say("page.tv.counter", call)));

function draw() {
  if (!view) return;
  // Nobody is sent by a call that is over: it is only listed.
  const first = view.calls.find((call) => call.in_hand);
  branch.textContent = view.branch;
  if (changed("now", first ?? null)) {
    if (first)
      fill(newest,
        el("h2", { class: "seen-only-by-readers" }, say("page.tv.now")),
        el("p", { class: "ticket" }, first.ticket), el("p", { class: "where" }, arrow(), ...where(first.counter)));
    else
      fill(newest,
        el("p", { class: "welcome" }, say("page.tv.welcome")), el("p", { class: "take" }, say("page.tv.take")));
  }
  newest.classList.toggle("fresh", Boolean(first) && isFresh(first));
  const listed = view.calls.filter((call) => call !== first).slice(0, RECENT);
  if (changed("recent", listed))
    fill(recent, listed.length ? listed.map(callRow) : el("li", {}, "—"));
  listed.forEach((call, place) => recent.children[place].classList.toggle("fresh", isFresh(call)));
  if (changed("soon", view.soon)) fill(soon, (view.soon.length ? view.soon : ["—"]).map((ticket) => el("li", {}, ticket)));
  arrange();
}

/**
 * Who missed a call and may still come back, until when, and whom they have to see: nothing else in the hall says so.
 * On one line; those for whom there is no room take turns.
 */
function showMissed() {
  const back = view.missed.filter(({ until }) => until > now());
  missed.hidden = !back.length;
  if (!back.length || !changed("missed", [back, missedTurn ? turns : 0, innerWidth, innerHeight])) return;
  missed.style.fontSize = "";
  const list = el("ul", {}, back.map(({ ticket, until }) =>
    el("li", {}, el("strong", {}, ticket), say("page.tv.missed_until", { time: clock(until) }))));
  const part = el("span", { class: "turn" });
  fill(missed, el("h2", {}, say("page.tv.missed")), list, part);
  const rows = [...list.children];
  const overflows = () => list.scrollWidth > list.clientWidth;
  missedTurn = overflows();
  if (!missedTurn) return;
  put(part, "00/00"); // as wide as it may become
  let room = rows.length;
  while (room > 1 && overflows()) rows[--room].hidden = true;
  fit([list], missed);
  const pages = Math.ceil(rows.length / room);
  const at = turns % pages;
  rows.forEach((row, place) => (row.hidden = Math.floor(place / room) !== at));
  put(part, pages > 1 ? `${at + 1}/${pages}` : "");
}

/** What depends on the room there is: sizes of the calls, how many services and notices are shown at a time. */
function arrange() {
  if (!view) return;
  showMissed();
  notice();
  const upright = matchMedia("(orientation: portrait)").matches;
  if (changed("services", [view.services, innerWidth, innerHeight, notices.clientHeight, missed.clientHeight])) {
    fill(services, view.services.map((service) =>
      el("tr", {}, el("th", { scope: "row" }, service.name),
        el("td", { class: "people" }, String(service.waiting)), el("td", { class: "wait" }, service.wait || "—"))));
    waiting.style.height = "";
    const heights = [...services.children].map((row) => row.getBoundingClientRect().height);
    const around = waiting.getBoundingClientRect().height - heights.reduce((sum, height) => sum + height, 0);
    const least = parseFloat(getComputedStyle(newest).minHeight);
    const gap = parseFloat(getComputedStyle(left).rowGap) || 0;
    const room = upright ? waiting.clientHeight - parseFloat(getComputedStyle(waiting).paddingTop) * 2
      - services.parentElement.tHead.getBoundingClientRect().height : left.clientHeight - least - gap - around;
    parts = [];
    let used = Infinity;
    let highest = 0;
    for (const [place, height] of heights.entries()) {
      if (used + height > room) {
        parts.push([]);
        used = 0;
      }
      parts.at(-1).push(services.children[place]);
      highest = Math.max(highest, (used += height));
    }
    if (!upright) waiting.style.height = `${around + highest}px`;
  }
  parts.forEach((part, index) => part.forEach((row) => (row.hidden = index !== turns % parts.length)));
  turn.textContent = parts.length > 1 ? `${(turns % parts.length) + 1}/${parts.length}` : "";
  waiting.hidden = !view.services.length;
  newest.style.setProperty("--h", `${newest.clientHeight}px`);
  for (const line of newest.querySelectorAll(".ticket, .where, .welcome")) fit([line]);
  for (const row of recent.children) row.hidden = false; // what is hidden has no width to go by
  fit([...recent.children], recent);
  fit([soon]);
  const box = recent.parentElement;
  for (const row of [...recent.children].reverse()) row.hidden = box.scrollHeight > box.clientHeight + 1;
}

/** Make type smaller until none of `lines` is wider than its room. */
function fit(lines, sized = lines[0]) {
  if (!sized) return;
  sized.style.fontSize = "";
  const most = Math.max(1, ...lines.map((line) => line.scrollWidth / line.clientWidth));
  if (most > 1) sized.style.fontSize = `${parseFloat(getComputedStyle(sized).fontSize) / most / 1.01}px`;
}

/** Two short notices, or a long one on two lines; more take turns. */
function notice() {
  const all = view.notices;
  notices.hidden = !all.length;
  if (!all.length) return;
  if (!changed("notices", [all, all.length > 2 || isLong ? turns : 0, innerWidth])) return;
  const put = (texts) => fill(notices, texts.map((text) => el("li", {}, text)));
  const at = turns % all.length;
  put(all.length > 2 ? [all[at], all[(at + 1) % all.length]] : all);
  isLong = all.length > 1 && notices.scrollHeight > parseFloat(getComputedStyle(notices).lineHeight) * 2.9;
  if (isLong) put([all[at]]);
}

// -- what is said -----------------------------------------------------------------------------------------------

const asked = new URLSearchParams(location.search).get("voice");
const tongue = page.language === "zh" ? "zh-CN" : "en-GB";
const digits = say("page.tv.digits").split(" ");
const announced = new Set();
const backlog = []; // { call, said, since }: what is to be spoken, in order; never said before said once
let speaking = false;
let prepared = false;
let speechless = "speechSynthesis" in window ? 0 : Infinity; // until when (ms since the page was loaded) it has no voice
let audio = asked === "off" ? undefined : newAudio();
let allowed = false; // whether somebody has touched the screen
let mute = false; // whether the last sentence could not be heard
let tuned = Infinity; // when it is known whether there is sound, ms since the page was loaded
let offered = 0; // when it was first said that there is no sound, ms since the page was loaded

/** Whether calls are spoken here: as the address says, else unless the branch has a voice: two would talk at once. */
const speaks = () => asked === "on" || (asked !== "off" && Boolean(view?.speaks));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const spelled = (text) => [...text].map((sign) => digits[sign] ?? sign).join(page.language === "zh" ? " " : ", ");

const TOUCHES = ["pointerup", "click", "keydown"];
const sound = el("button", { type: "button", class: "sound", hidden: true }, say("page.tv.sound"));
time.before(sound);

/** Say that there is no sound, for as long as somebody may be there who has switched the screen on. */
function offer() {
  offered ||= performance.now();
  const left = offered + OFFERED - performance.now();
  if (left <= 0 || !sound.hidden) return;
  sound.hidden = false;
  setTimeout(() => (sound.hidden = true), left);
}

/** Sound needs a person's touch in most browsers, anywhere on the screen, once for each time the page is loaded. */
async function allow() {
  if (allowed && audio?.state !== "suspended") return;
  allowed = true;
  mute = false;
  sound.hidden = true;
  try {
    localStorage.setItem(KEPT, "on");
  } catch {
    // A browser that keeps nothing asks again next time.
  }
  audio ??= newAudio();
  await audio?.resume().catch(() => {});
  // The first sentence has to come from the touch itself: after it the browser lets later ones through.
  if (speechless !== Infinity) speechSynthesis.speak(new SpeechSynthesisUtterance(" "));
}

function newAudio() {
  return "AudioContext" in window ? new AudioContext() : undefined;
}

function isKept() {
  try {
    return localStorage.getItem(KEPT) === "on";
  } catch {
    return false;
  }
}

async function prepare() {
  if (prepared) return;
  prepared = true;
  tuned = performance.now() + TUNING;
  audio?.addEventListener("statechange", () => (sound.hidden ||= audio.state === "running"));
  for (const touched of TOUCHES) addEventListener(touched, allow);
  if (isKept()) return;
  await pause(1000);
  if (audio?.state !== "running") offer();
}

/** Calls that are news are to be spoken. `lost`: nothing was heard for a while; null: the page has just been opened. */
function listen(calls, lost) {
  const known = calls.findIndex((call) => announced.has(keyOf(call)));
  const news = [];
  calls.forEach((call, place) => {
    const key = keyOf(call);
    if (announced.has(key)) return;
    announced.add(key);
    const young = view.now - call.at < NEWS;
    if (lost === null || (lost && !young) || (known >= 0 && place > known)) return;
    since.set(key, performance.now());
    if (speaks() && young) news.push(call);
  });
  news.reverse().forEach(enqueue); // the oldest first; two of one millisecond stand in the order of their calls as well
  const current = new Set(calls.map(keyOf));
  for (const kept of [announced, since]) for (const key of [...kept.keys()]) if (!current.has(key)) kept.delete(key);
  if (!speaking && backlog.length) speak();
}

/** Everybody is said once before anybody is said again; who is called again before being said keeps their place. */
function enqueue(call) {
  const before = backlog.findIndex((each) => each.call.ticket === call.ticket);
  const [waited] = before < 0 ? [] : backlog.splice(before, 1);
  const again = backlog.findIndex((each) => each.said);
  const place = waited && !waited.said ? before : again < 0 ? backlog.length : again;
  backlog.splice(place, 0, { call, said: 0, since: performance.now() });
  crowd();
}

/** Beyond the backlog repetitions are dropped first, then the oldest. */
function crowd() {
  while (backlog.length > BACKLOG) backlog.splice(Math.max(0, backlog.findIndex((each) => each.said)), 1);
}

async function speak() {
  speaking = true;
  for (let next = backlog.shift(); next; next = backlog.shift()) {
    const { call, said, since } = next;
    if (!speaks() || !announced.has(keyOf(call)) || performance.now() - since > OLD) continue;
    if (!said) await chime();
    await utter(say("voice.call", { ticket: spelled(call.ticket), counter: call.counter }));
    await pause(BREATH);
    if (said + 1 < TIMES && announced.has(keyOf(call))) backlog.push({ call, said: said + 1, since });
    crowd();
  }
  speaking = false;
}

/** What the controller is told: whether calls can be heard that are to be; nothing until that is known. */
function state() {
  if (!view) return undefined;
  if (!speaks() || (audio?.state === "running" && !mute && speechless !== Infinity)) return "ok";
  return performance.now() < tuned ? undefined : "silent";
}

/** Two falling notes, as in a station. */
async function chime() {
  if (audio?.state !== "running") {
    offer();
    return;
  }
  for (const [start, pitch] of [[0, 659.3], [0.35, 523.3]]) {
    const tone = new OscillatorNode(audio, { type: "sine", frequency: pitch });
    const loud = new GainNode(audio, { gain: 0 });
    const at = audio.currentTime + start;
    loud.gain.linearRampToValueAtTime(0, at);
    loud.gain.linearRampToValueAtTime(0.35, at + 0.02);
    loud.gain.exponentialRampToValueAtTime(0.001, at + 0.9);
    tone.connect(loud).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 1);
  }
  await pause(1100);
}

/** Say a sentence; resolves when it has been said, or cannot be. */
function utter(text) {
  if (performance.now() < speechless) return Promise.resolve();
  return new Promise((done) => {
    const sentence = new SpeechSynthesisUtterance(text);
    const voices = speechSynthesis.getVoices();
    const ours = (voice) => voice.lang.replace("_", "-").toLowerCase();
    sentence.lang = tongue;
    sentence.voice = voices.find((voice) => ours(voice) === tongue.toLowerCase())
      ?? voices.find((voice) => ours(voice).startsWith(page.language)) ?? null;
    sentence.rate = 0.9;
    const end = () => {
      clearTimeout(silent);
      clearTimeout(longest);
      done();
    };
    // Some browsers have the interface and no voice behind it, and some forget to say that they have finished.
    const silent = setTimeout(() => {
      speechless = performance.now() + DUMB;
      mute = true;
      speechSynthesis.cancel();
      end();
    }, SILENT);
    const longest = setTimeout(() => {
      speechSynthesis.cancel();
      end();
    }, LONGEST);
    sentence.onstart = () => {
      mute = false;
      clearTimeout(silent);
    };
    sentence.onend = end;
    sentence.onerror = (event) => {
      if (event.error === "not-allowed") {
        mute = true;
        offer();
      }
      end();
    };
    speechSynthesis.speak(sentence);
  });
}

// -- as long as it hangs there ----------------------------------------------------------------------------------

let lost = null;
watch("/api/television/live", (picture) => {
  view = picture;
  if (speaks()) prepare();
  listen(view.calls, lost);
  lost = false;
  draw();
}, {
  stale(from) {
    overlay(from);
    if (!from) return;
    if (lost !== null) lost = true;
    backlog.length = 0;
  },
  state,
});

function tick() {
  const text = clock(now());
  if (time.textContent !== text) time.textContent = text;
}

tick();
setInterval(tick, 1000);
setInterval(draw, 1000); // what was fresh a moment ago is not any more
setInterval(() => {
  turns++;
  arrange();
}, TURN);
addEventListener("resize", arrange);
document.fonts?.ready.then(arrange);
