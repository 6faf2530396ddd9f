// What all pages share: their words, elements, the stream they watch, and presses that act once.

const PINGS_MISSED = 16000; // ms without a word from the controller after which what is shown may be old
const TRIES = [0, 400, 1200, 3000]; // ms before each try of a press; all with one key, so that it acts once
const TIME_OUT = 5000;
const SLEPT = 2000; // ms by which the device's two clocks differ after it has slept, or one was set
const REPORT_AGAIN = 15000; // ms after which a page tells its state again that could not be told

export const page = JSON.parse(document.getElementById("page").textContent);

/** A sentence of the branch's language, or of other `words`, its blanks filled in. */
export function say(key, about = {}, words = page.words) {
  const template = words[key] ?? (console.error(`no word for ${key}`), key);
  return template.replace(/\{(\w+)\}/g, (blank, name) => (name in about ? String(about[name]) : blank));
}

/** Go on in another of the page's languages. */
export function speak(language) {
  page.language = language;
  page.words = page.languages[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
}

/** A button that turns to the next of the page's languages, and says so in that language; then `turned()` is called. */
export function languageButton(turned) {
  const next = () => {
    const all = Object.keys(page.languages);
    return all[(all.indexOf(page.language) + 1) % all.length];
  };
  const button = el("button", { type: "button", class: "tool language", onclick: () => (speak(next()), turned()) });
  const write = () => {
    button.lang = next() === "zh" ? "zh-CN" : next();
    put(button, page.languages[next()]["page.language"]);
  };
  write();
  return { button, write };
}

/** A button for larger text, and for text of the usual size again; then `turned(large)` is called. */
export function sizeButton(turned) {
  const button = el("button", { type: "button", class: "tool size", onclick: () => turned(!isLarge()) });
  const isLarge = () => document.documentElement.classList.contains("large");
  const write = (large = isLarge()) => {
    document.documentElement.classList.toggle("large", large);
    put(button, say(large ? "page.usual_size" : "page.larger"));
  };
  write();
  return { button, write };
}

/** An element; `properties` are set on it (class, data-*, aria-* as attributes, on… as listeners), children follow. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.includes("-") && name !== "list") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** Put `children` into an element in place of what is there. */
export function fill(element, ...children) {
  const fresh = children.flat().filter((child) => child !== undefined && child !== null && child !== false);
  element.replaceChildren(...fresh);
}

/** Set a text where it differs, so that nothing is laid out or read out anew for nothing. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A key of a keypad, named in `data-key`; what stands on it besides its label follows. */
export const padKey = (name, label, onclick, { kind = "", ...more } = {}, ...besides) =>
  el("button", { type: "button", class: `key ${kind}`.trim(), "data-key": name, onclick, ...more }, label, ...besides);

let offset = Date.now() - performance.now(); // until the controller has told the time

/** The controller's time, ms since 1970; this device's clock may be wrong, and may be set at any moment. */
export const now = () => performance.now() + offset;

/** A time of day in the branch's zone. */
export function clock(at, seconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: page.timezone };
  if (seconds) options.second = "2-digit";
  return new Intl.DateTimeFormat("en-GB", options).format(at);
}

/** A business day (YYYY-MM-DD) in the page's language. */
export function date(day, options) {
  const tongue = page.language === "zh" ? "zh-CN" : "en-GB";
  return new Intl.DateTimeFormat(tongue, { timeZone: "UTC", ...options }).format(Date.parse(day));
}

/** Minutes waited since a time, for people. */
export const minutes = (since) => Math.max(0, Math.floor((now() - since) / 60000));

/** Show what the controller says in passing; a refusal stands out, and stays longer. */
let toastTimer;
export function toast(text, refused = false) {
  let box = document.getElementById("toast");
  if (!box) document.body.append((box = el("div", { id: "toast", role: "status" })));
  box.textContent = text;
  box.className = refused ? "refused" : "";
  box.hidden = !text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), refused ? 7000 : 3500);
}

/**
 * Watch a view: `show(view)` with every picture. Reconnects by itself for ever; while nothing is heard the page says so
 * in place of what it last showed, and a page from before an update loads itself anew. With `ends` the view may be over
 * for good, which is `show(null)`. `state()` is what a page that is a device of the branch's tells of itself, "ok" or
 * "silent", or nothing while it does not know.
 */
export function watch(path, show, { stale = overlay, ends = false, state = () => "ok" } = {}) {
  let source, heard = performance.now(), told = now(), since = 0, pause = 500, timer, over = false;
  let name = ""; // what the controller calls this page; empty: it is no device, or nothing is heard
  let reported, reporting = false, reportFrom = 0;
  let apart = Date.now() - performance.now(); // of this device's two clocks; it changes when it has slept
  const hear = () => {
    heard = performance.now();
    told = now();
    pause = 500;
  };
  const lose = () => {
    name = "";
    since ||= told;
    stale(since);
  };
  async function report() {
    const [as, news] = [name, state()];
    if (!as || !news || news === reported || reporting || performance.now() < reportFrom) return;
    reporting = true;
    const answer = await ask("POST", "/api/reports", { page: as, state: news });
    reporting = false;
    if (as !== name) return;
    if (answer.result === "ok") reported = news;
    else reportFrom = performance.now() + REPORT_AGAIN;
  }
  function connect() {
    if (over) return;
    clearTimeout(timer);
    source?.close();
    source = new EventSource(path);
    source.addEventListener("hello", (event) => {
      hear();
      const hello = JSON.parse(event.data);
      if (hello.build !== page.build) location.reload();
      name = hello.page ?? "";
      reported = undefined;
      reportFrom = 0;
    });
    source.addEventListener("view", (event) => {
      const view = JSON.parse(event.data);
      if (view.now) offset = view.now - performance.now();
      hear();
      since = 0;
      stale(0);
      show(view);
      report();
    });
    source.addEventListener("ping", () => {
      hear();
    });
    source.addEventListener("end", (event) => {
      source.close();
      const { reason } = JSON.parse(event.data);
      if (reason === "revoked") location.assign("/sign-in");
      else if (reason === "gone" && ends) finish();
      else again();
    });
    source.onerror = again;
  }
  /** What was shown is no more, and will not come back: whoever asks again hears the same. */
  function finish() {
    over = true;
    source.close();
    clearTimeout(timer);
    stale(0);
    show(null);
  }
  async function again() {
    source.close();
    clearTimeout(timer);
    timer = setTimeout(connect, pause);
    pause = Math.min(pause * 1.7, 5000);
    lose();
    // Whoever is not signed in any more, or asks for what there is not, would be refused for ever.
    const status = await fetch(ends ? path.replace(/\/live(?=$|\?)/, "") : "/api/session").then((answer) => answer.status, () => 0);
    if (page.account && status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (ends && status === 404) finish();
  }
  setInterval(() => {
    report();
    // What was told of the time may not hold any more, nor what is promised until some time: it is asked for anew.
    if (!over && Math.abs(Date.now() - performance.now() - apart) > SLEPT) {
      apart = Date.now() - performance.now();
      connect();
    }
    if (!over && performance.now() - heard > PINGS_MISSED) {
      lose();
      heard = performance.now() - PINGS_MISSED + 5000;
      connect();
    }
  }, 1000);
  addEventListener("online", connect);
  connect();
  return {
    /** What is shown now is the last that there is to show. */
    stop() {
      over = true;
      source.close();
      clearTimeout(timer);
    },
  };
}

/** The cover over a page that may be showing something old; `since` 0 takes it away. For those who only look. */
export const overlay = (since) => tellStale(since, "cover");

/**
 * In place of the cover on a page that is worked with: its last picture can be read, and is grey; nothing of it can be
 * pressed but what the controller need not hear of, such as to turn pages, which carries `data-reads`.
 */
export const bar = (since) => tellStale(since, "bar");

function tellStale(since, kind) {
  let box = document.getElementById("stale");
  if (!box) {
    if (!since) return;
    document.body.prepend((box = el("div", { id: "stale", class: kind, role: "alert" })));
    if (kind === "bar") stayBelow(box);
  }
  box.hidden = !since;
  document.body.classList.toggle("is-stale", Boolean(since));
  if (since) fill(box, el("strong", {}, say("page.stale")), el("span", {}, say("page.stale_since", { time: clock(since, true) })));
}

/** The page makes room for a bar (--bar is its height), and what is pressed meanwhile goes nowhere. */
function stayBelow(box) {
  new ResizeObserver(() => document.body.style.setProperty("--bar", `${box.offsetHeight}px`)).observe(box);
  const stop = (event) => {
    if (box.hidden || event.target.closest?.("[data-reads]") || (event.key && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  for (const pressed of ["click", "submit", "keydown"]) addEventListener(pressed, stop, true);
}

/**
 * Ask the controller something. Resolves to its answer {result, text, ticket, ..}; a refusal is {result: "refused",
 * text, code}, no connection {result: "error", text}. What changes something is sent again, with one key, until it is
 * answered: it acts once. With a `key` of the caller's it acts once however often it is asked.
 */
export async function ask(method, path, content, patience = TIME_OUT, key = newKey()) {
  const headers = { "X-CSRF-Token": page.account?.csrf ?? "" };
  if (content !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["Idempotency-Key"] = key;
  for (const pause of TRIES) {
    if (pause) await new Promise((done) => setTimeout(done, pause));
    try {
      // What changes something is on its way also when the page is left in this moment.
      const answer = await fetch(path, {
        method, headers, body: content === undefined ? undefined : JSON.stringify(content), keepalive: method !== "GET",
        signal: AbortSignal.timeout(patience),
      });
      if (answer.status === 503) continue;
      const body = answer.status === 204 ? {} : await answer.json();
      if (answer.ok) return { result: "ok", ...body };
      // Somebody has signed in anew in another tab of this browser: the next try is theirs.
      if (body.code === "foreign" && (await refreshed())) {
        headers["X-CSRF-Token"] = page.account.csrf;
        continue;
      }
      if (answer.status === 401 && page.account) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
      return { result: "refused", text: body.detail, code: body.code, status: answer.status, wait: body.wait, choices: body.choices };
    } catch {
      // No connection, or no answer in time: the next try has the same key.
    }
  }
  return { result: "error", text: say("page.no_connection") };
}

/** Whether the browser's session is another than this page's was; the page goes on with it. */
async function refreshed() {
  const answer = await fetch("/api/session", { signal: AbortSignal.timeout(TIME_OUT) });
  if (!answer.ok || !page.account) return false;
  const session = await answer.json();
  const other = session.csrf !== page.account.csrf;
  page.account.csrf = session.csrf;
  return other;
}

/** Where to go from signing in: to the page that was asked for (the controller has seen that it is its own), or home. */
export const onwards = (home) => page.next || home || "/";

/** Ask for a view now and every so many ms: `show(view)`, or `refuse(text)`; while nothing answers, the page says so. */
export function askAgain(path, every, show, refuse) {
  let timer, told = 0; // when the controller last answered
  async function look() {
    clearTimeout(timer);
    const answer = await ask("GET", path);
    if (answer.result === "ok") {
      if (answer.build !== page.build) location.reload();
      told = now();
      bar(0);
      show(answer);
    } else if (answer.result === "refused") refuse(answer.text);
    else bar(told || now());
    clearTimeout(timer);
    timer = setTimeout(look, every);
  }
  addEventListener("online", look);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
}

/** `ask`, and tell what became of it. */
export async function press(path, content = {}) {
  const answer = await ask("POST", path, content);
  toast(answer.text ?? "", answer.result !== "ok");
  return answer;
}

/** A key under which something acts once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
