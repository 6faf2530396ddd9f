// What the television says: each new call, twice, in the order in which they came.
import { el, page, say } from "./common.js";

const FRESH = 8000; // ms for which a new call stands out
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

let view;
const since = new Map(); // call -> when this page first saw it
const keyOf = (call) => `${call.ticket} ${call.counter} ${call.at}`;

/** Whether a call has come a moment ago. */
export const isFresh = (call) => performance.now() - (since.get(keyOf(call)) ?? -FRESH) < FRESH;

const asked = new URLSearchParams(location.search).get("voice");
const tongueOf = (language) => (language === "zh" ? "zh-CN" : "en-GB");
const announced = new Set();
const backlog = []; // { call, said, since }: what is to be spoken, in order; never said before said once
let speaking = false;
let told = () => {};
let prepared = false;
let speechless = "speechSynthesis" in window ? 0 : Infinity; // until when (ms since the page was loaded) it has no voice
let audio = asked === "off" ? undefined : newAudio();
let allowed = false; // whether somebody has touched the screen
let mute = false; // whether the last sentence could not be heard
let tuned = Infinity; // when it is known whether there is sound, ms since the page was loaded
let offered = 0; // when it was first said that there is no sound, ms since the page was loaded

/** Whether calls are spoken here: as the address says, else unless the branch has a voice: two would talk at once. */
const speaks = () => !view?.closed && (asked === "on" || (asked !== "off" && Boolean(view?.speaks)));

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A ticket's number, sign by sign. */
function spelled(text, language) {
  const digits = say("page.tv.digits", {}, page.spoken[language]).split(" ");
  return [...text].map((sign) => digits[sign] ?? sign).join(language === "zh" ? " " : ", ");
}

/** The browser's voices of a language, in the usual accent first. */
function voicesOf(language) {
  const ours = (voice) => voice.lang.replace("_", "-").toLowerCase();
  const usual = (voice) => ours(voice) === tongueOf(language).toLowerCase();
  return speechSynthesis.getVoices().filter((voice) => ours(voice).startsWith(language)).sort((one, other) => usual(other) - usual(one));
}

/** In which language a call is spoken: its customer's, if this browser has a voice for that; else the branch's. */
function languageOf(call) {
  const chosen = call.language in page.spoken ? call.language : page.language;
  const voiceless = "speechSynthesis" in window && speechSynthesis.getVoices().length && !voicesOf(chosen).length;
  return voiceless ? page.language : chosen;
}

const TOUCHES = ["pointerup", "click", "keydown"];
/** What people are to touch when there is no sound. */
export const sound = el("button", { type: "button", class: "sound", hidden: true }, say("page.tv.sound"));

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

/** A picture of the hall has come; `lost`: nothing was heard for a while; null: the page has just been opened. */
export function hear(picture, lost) {
  view = picture;
  if (speaks()) prepare();
  listen(view.calls, lost);
}

/** What waits to be spoken is not worth it any more. */
export const forget = () => (backlog.length = 0);

/** `tell` is called with whether a call is being spoken, whenever that changes. */
export const onSpeaking = (tell) => (told = tell);

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
  told(true);
  for (let next = backlog.shift(); next; next = backlog.shift()) {
    const { call, said, since } = next;
    if (!speaks() || !announced.has(keyOf(call)) || performance.now() - since > OLD) continue;
    if (!said) await chime();
    const language = languageOf(call);
    const about = { ticket: spelled(call.ticket, language), counter: call.counter };
    await utter(say("voice.call", about, page.spoken[language]), language);
    await pause(BREATH);
    if (said + 1 < TIMES && announced.has(keyOf(call))) backlog.push({ call, said: said + 1, since });
    crowd();
  }
  speaking = false;
  told(false);
}

/** What the controller is told: whether calls can be heard that are to be; nothing until that is known. */
export function state() {
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

/** Say a sentence of a language; resolves when it has been said, or cannot be. */
function utter(text, language) {
  if (performance.now() < speechless) return Promise.resolve();
  return new Promise((done) => {
    const sentence = new SpeechSynthesisUtterance(text);
    sentence.lang = tongueOf(language);
    sentence.voice = voicesOf(language)[0] ?? null;
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
