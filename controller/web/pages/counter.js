// The soft keypad: the keys of one counter, by touch and by keyboard, hundreds of times a day.
//
// One press at a time: a second one of the same key is a double tap and is left out, one other waits its turn. Which key
// makes sense is a hint only: what is pressed, the controller decides.

import { ask, bar, clock, date, el, fill, minutes, now, padKey, page, put, say, watch } from "./common.js";
import { complaintForm } from "./counter_complaint.js";
import { idleCard } from "./counter_idle.js";

const DOUBLE_TAP = 600; // ms in which the same key again is no press of its own
const TOLD_FOR = 10000; // ms for which an answer stands, which says nothing about later; a refusal: until the next key
const FRESH = 60000; // ms before its end from which UNDO takes back everything, and is lit
const DIGITS = 5; // a service's key, and a number of four digits
const ASKS = "just_called"; // the code of a refusal that the same key answers
const NO_FAULT = ["none_waiting"]; // refusals that are nobody's mistake
const WITH_DIGITS = ["CALL", "UNHOLD", "TRANSFER", "PAUSE", "PROFILE"];

const STATES = {
  closed: "page.counter.state_closed",
  open: "page.counter.state_open",
  paused: "page.counter.state_paused",
  called: "page.counter.state_called",
  serving: "page.counter.state_serving",
};

const main = document.getElementById("main");
const path = `/api/counters/${encodeURIComponent(page.counter)}`;
let view = null;
let typed = "";
let transferring = false;
let undoTimer;

// -- what is shown -------------------------------------------------------------------------------------------

const time = el("time", { class: "clock number" });
const branch = el("span", { class: "soft branch" }, page.branch);
const state = el("span", { class: "state" });
const since = el("span", { class: "since" });
const ticket = el("p", { class: "ticket number" });
const about = el("p", { class: "about" });
const waited = el("p", { class: "soft" });
const idle = idleCard(() => send("UNDO"));
const served = el("strong", { class: "number" });
const recalls = el("p", { class: "soft" });
const needs = el("ul", { class: "needs", "aria-label": say("page.counter.needs") });
const waiting = el("strong", { class: "number" });
const next = el("strong", { class: "number" });
const longest = el("strong", { class: "number" });
const nextFact = fact("page.counter.next", next);
const longestFact = fact("page.counter.longest", longest);
const stage = el("p", { class: "stage" });
const notices = el("ul", { class: "notices", "aria-live": "polite" });
const held = el("div", { class: "held" });
const display = el("output", { class: "typed number", "aria-live": "polite" });
const hint = el("p", { class: "hint", "aria-live": "polite" });
const refusal = el("p", { class: "refusal", role: "alert" });
const done = el("p", { class: "done", role: "status" });
const choices = el("div", { class: "choices" });
const targets = el("div", { class: "targets" });
const duty = el("p", { class: "soft duty" });
const noteInput = el("input", {
  type: "text", maxlength: "120", autocomplete: "off", "aria-label": say("page.counter.note"),
  placeholder: say("page.counter.note"),
});
const notes = el("ul", { class: "notes", "aria-live": "polite" });
const noteForm = el("form", { class: "note", onsubmit: leaveNote }, noteInput,
  el("button", { type: "submit" }, say("page.counter.leave_note")));
const removeNote = el("button", { type: "button", class: "quiet", onclick: () => press("NOTE", { words: "" }) },
  say("page.counter.remove_note"));
const profiles = el("div", { class: "targets" });
const profileCard = el("section", { class: "to card", "aria-labelledby": "profile-title" },
  el("h2", { id: "profile-title" }, say("page.counter.change_profile")), profiles);
const signOut = el("button", { type: "button", class: "quiet", onclick: leave }, say("page.counter.sign_out"));

// -- keys ----------------------------------------------------------------------------------------------------

const keys = {};
const shortcuts = {};

/** A key of the counter; `letter` is its shortcut, shown on it. */
function key(name, label, { letter = "", sign = letter, kind = "" } = {}) {
  const text = el("span", { class: "label" }, label);
  const button = padKey(name, text, () => send(keys[name].sends), { kind, "aria-keyshortcuts": letter || null },
    sign && el("kbd", {}, sign));
  keys[name] = { button, text, sends: name };
  if (letter) shortcuts[letter] = name;
  return button;
}

const digit = (n) => el("button", { type: "button", class: "digit number", onclick: () => type(n) }, n);

const keyboard = el("section", { class: "keys", "aria-labelledby": "keys-title" },
  el("h2", { id: "keys-title", class: "seen-only-by-readers" }, say("page.counter.keys")),
  el("div", { class: "answers" }, hint, done, refusal, choices),
  key("CALL", say("page.counter.call"), { sign: say("page.counter.call_key"), kind: "call" }),
  el("div", { class: "row-1" },
    key("RECALL", say("page.counter.recall"), { letter: "R" }),
    key("START", say("page.counter.start"), { letter: "S" }),
    key("FINISH", say("page.counter.finish"), { letter: "F" })),
  el("div", { class: "row-2" },
    key("TRANSFER", say("page.counter.transfer"), { letter: "T" }),
    key("HOLD", say("page.counter.hold"), { letter: "H" }),
    key("UNHOLD", say("page.counter.unhold"), { letter: "U" }),
    key("EVALUATE", say("page.counter.evaluate"), { letter: "E" }),
    key("HELP", say("page.counter.help"))),
  el("div", { class: "pad" },
    el("div", { class: "screen" }, el("span", { class: "soft" }, say("page.counter.typed")), display),
    ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(digit),
    el("button", { type: "button", class: "digit small", onclick: clear },
      say("page.counter.clear"), el("kbd", {}, say("page.counter.clear_key"))),
    digit("0"),
    el("button", { type: "button", class: "digit small", "aria-label": say("page.counter.erase"), onclick: erase }, "⌫")),
  el("div", { class: "row-3" },
    key("NOSHOW", say("page.counter.noshow"), { letter: "N", kind: "stop" }),
    key("UNDO", say("page.counter.undo"), { letter: "Z" }),
    key("PAUSE", say("page.counter.pause"), { letter: "P" }),
    key("CLOSE", say("page.counter.close"))));

const customer = el("section", { class: "customer card", "aria-labelledby": "customer-title" },
  el("h2", { id: "customer-title", class: "seen-only-by-readers" }, say("page.counter.current")),
  el("div", { class: "line" }, state, since),
  el("div", { role: "status" }, ticket, about),
  waited, recalls, needs, idle.node);

main.append(
  el("header", { class: "top" },
    el("strong", { class: "name" }, say("page.counter.title", { counter: page.counter })), branch, time,
    el("span", { class: "soft who" }, page.account?.name ?? ""), signOut),
  el("div", { class: "columns" },
    el("div", { class: "left" },
      customer,
      notices,
      el("section", { class: "queue card", "aria-labelledby": "queue-title" },
        el("h2", { id: "queue-title", class: "seen-only-by-readers" }, say("page.counter.waiting")),
        el("dl", {},
          fact("page.counter.waiting", waiting), longestFact, nextFact, fact("page.counter.served", served)),
        el("div", { role: "status" }, stage), duty,
        held),
      el("section", { class: "to card", "aria-labelledby": "to-title" },
        el("h2", { id: "to-title" }, say("page.counter.targets")),
        el("p", { class: "soft to-hint" }, say("page.counter.targets_hint")),
        targets),
      el("section", { class: "card notes-card", "aria-label": say("page.counter.note") }, notes, noteForm, removeNote,
        complaintForm((fields) => press("COMPLAINT", fields))),
      profileCard),
    keyboard));

/** One of the facts of the queue, with its name. */
function fact(name, value) {
  return el("div", {}, el("dt", { class: "soft" }, say(name)), el("dd", {}, value));
}

async function leave() {
  signOut.disabled = true;
  await ask("DELETE", "/api/session");
  location.assign("/sign-in");
}

// -- typing --------------------------------------------------------------------------------------------------

function type(n) {
  tell();
  if (!transferring) {
    if (typed.length < DIGITS) typed += n;
    return showTyped();
  }
  typed += n;
  const targetsOf = codes().filter((code) => code.startsWith(typed));
  const service = view?.services.find((each) => each.key === typed);
  // One digit may be a service, and the first of a counter's two: then a second, or the CALL key, says which.
  if (typed.length < 2 && targetsOf.length) showTyped(service);
  else send("TRANSFER");
}

const codes = () => (view?.counters ?? []).map((id) => id.padStart(2, "0"));

function erase() {
  tell();
  typed = typed.slice(0, -1);
  showTyped();
}

function clear() {
  typed = "";
  transferring = false;
  tell();
  showTyped();
}

/** Show what a press was answered: nothing, or one sentence of a kind (`done`, `refusal`, `asked`). */
function tell(kind = "", text = "", mayMean = []) {
  put(done, kind === "done" ? text : "");
  put(refusal, kind && kind !== "done" ? text : "");
  refusal.classList.toggle("asked", kind === "asked");
  fill(choices, mayMean.filter((each) => each.digits).map((each) =>
    el("button", { type: "button", onclick: () => send("CALL", each.digits) }, each.ticket)));
}

function showTyped(service) {
  put(display, typed || "—");
  display.classList.toggle("none", !typed);
  const forNumber = typed && !transferring;
  put(keys.CALL.text, forNumber ? say("page.counter.call_ticket", { digits: typed }) : say("page.counter.call"));
  put(hint, !transferring ? say("page.counter.idle")
    : service ? say("page.counter.transfer_more", { service: service.name })
      : say("page.counter.transfer_which"));
  keyboard.classList.toggle("transferring", transferring);
  keys.TRANSFER.button.setAttribute("aria-pressed", String(transferring));
}

// -- pressing ------------------------------------------------------------------------------------------------

let pressing = null; // the key that is on its way
let queued = null;
let toldTimer;
let last = { name: "", at: -Infinity };

/** Press a key that takes words; the others are untouched by it. */
async function press(name, more) {
  const answer = await ask("POST", `${path}/keys`, { key: name, ...more });
  tell(answer.result === "ok" ? "done" : "refusal", answer.text ?? "");
  return answer.result === "ok";
}

/** A note, and where or when it was left if that was not here today. */
function note({ words, counter, ticket, day }) {
  if (ticket) return say("page.counter.note_of", { counter, words });
  return day ? say("page.counter.note_before", { day: date(day, { month: "long", day: "numeric" }), words }) : words;
}

async function leaveNote(event) {
  event.preventDefault();
  const words = noteInput.value.trim();
  if (words && (await press("NOTE", { words }))) noteInput.value = "";
  noteInput.blur();
}

/** Press a key of the counter; `digits` in place of those typed. */
function send(name, digits) {
  if (name === "TRANSFER" && digits === undefined && !typed) {
    transferring = !transferring;
    tell();
    return showTyped();
  }
  // In the middle of a transfer, the CALL key ends it: nobody is called by mistake.
  if (name === "CALL" && transferring) {
    if (!typed) return undefined;
    name = "TRANSFER";
  }
  const content = { key: name, digits: WITH_DIGITS.includes(name) ? (digits ?? typed) : "" };
  const same = last.name === name && (digits === undefined || last.digits === digits);
  const again = same && performance.now() - last.at < DOUBLE_TAP;
  if (again || pressing === name || queued) return undefined;
  last = { name, digits: content.digits, at: performance.now() };
  if (pressing) {
    queued = content;
    return undefined;
  }
  return go(content);
}

async function go(content) {
  pressing = content.key;
  const wasTyped = transferring;
  typed = "";
  transferring = false;
  showTyped();
  tell();
  const button = Object.values(keys).find((each) => each.sends === content.key)?.button;
  button?.setAttribute("aria-busy", "true");
  const answer = await ask("POST", `${path}/keys`, content);
  button?.removeAttribute("aria-busy");
  pressing = null;
  clearTimeout(toldTimer);
  toldTimer = setTimeout(() => put(done, ""), TOLD_FOR);
  if (answer.result === "ok" || NO_FAULT.includes(answer.code)) tell("done", answer.text);
  else {
    tell(answer.code === ASKS ? "asked" : "refusal", answer.text, answer.choices);
    // Whoever pressed on relied on what was refused. A transfer goes on until it is done or given up.
    queued = null;
    transferring = wasTyped;
    showTyped();
  }
  const following = queued;
  queued = null;
  if (following) go(following);
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.body.classList.contains("is-stale")) return;
  if (document.activeElement?.matches("input, select, summary")) {
    if (event.key === "Escape") document.activeElement.blur();
    return;
  }
  const isCall = event.key === "Enter" || event.key === " ";
  // Whoever has walked to a key with Tab presses that one.
  const onButton = document.activeElement?.matches("button:focus-visible");
  if (isCall && event.repeat) event.preventDefault();
  if (event.repeat || (isCall && onButton)) return;
  // While Chinese is being typed the key has no letter, only a place.
  const letter = event.key.length === 1 ? event.key.toUpperCase() : event.code.replace(/^Key/, "");
  const name = shortcuts[letter];
  if (isCall) send("CALL");
  else if (/^[0-9]$/.test(event.key)) type(event.key);
  else if (event.key === "Backspace") erase();
  else if (event.key === "Escape") clear();
  else if (name && !keys[name].button.hidden) {
    const { button, sends } = keys[name];
    if (!button.disabled) send(sends);
  } else return;
  event.preventDefault();
});

// A finger or a mouse leaves no focus behind: Enter is CALL again.
addEventListener("pointerup", () => setTimeout(() => {
  if (document.activeElement?.matches("button:not(:focus-visible)")) document.activeElement.blur();
}));

// -- the picture ---------------------------------------------------------------------------------------------

function show(nextView) {
  if (!nextView) {
    main.replaceChildren(el("p", { class: "gone", role: "alert" }, say("page.counter.gone")));
    return;
  }
  view = nextView;
  refresh();
}

function refresh() {
  put(time, clock(now()));
  put(branch, view.branch);
  const has = Boolean(view.ticket);
  main.dataset.state = view.state;
  put(state, [say(STATES[view.state] ?? view.state), view.pause].filter(Boolean).join(" · "));
  put(since, say("page.counter.minutes", { minutes: minutes(view.since) }));
  since.hidden = !has && view.state !== "paused";
  put(ticket, view.ticket || say("page.counter.nobody"));
  ticket.classList.toggle("nobody", !has);
  put(about, [view.service, view.class].filter(Boolean).join(" · "));
  put(waited, has ? say("page.counter.waited", { minutes: view.waited }) : "");
  put(served, String(view.served));
  put(recalls, view.recalls ? say("page.counter.recalls", { times: view.recalls }) : "");
  list(needs, view.needs, (need) => el("li", { class: need === "form" ? "ready" : null }, say(`needs.${need}`)));
  needs.hidden = !view.needs.length;
  put(waiting, String(view.waiting));
  put(next, view.next || "—");
  nextFact.hidden = !has;
  put(longest, view.longest ? say("page.counter.minutes", { minutes: minutes(view.longest) }) : "—");
  longestFact.hidden = has;
  put(stage, view.stage ? say("page.counter.stage", { ticket: view.stage }) : "");
  list(notices, view.notices, (text) => el("li", { class: "notice" }, text));
  list(held, view.held, (each) =>
    el("button", { type: "button", onclick: () => send("UNHOLD", each.replace(/^\D+/, "")) },
      say("page.counter.take_back", { ticket: each })));
  held.hidden = !view.held.length;
  list(targets, [...view.services, ...view.counters], (each) => each.key !== undefined
    ? el("button", { type: "button", onclick: () => send("TRANSFER", each.key) }, each.name, el("kbd", {}, each.key))
    : el("button", { type: "button", onclick: () => send("TRANSFER", each.padStart(2, "0")) },
      say("page.counter.to_counter", { counter: each }), el("kbd", {}, each.padStart(2, "0"))));
  put(duty, [
    view.clerk && say("page.counter.clerk", { clerk: view.clerk }),
    view.profile && say("page.counter.profile", { profile: view.profile }),
  ].filter(Boolean).join(" · "));
  list(notes, view.notes, (each) => el("li", {}, note(each)));
  removeNote.hidden = !view.notes.length;
  const others = view.profiles.filter((each) => each.name !== view.profile && (each.id || view.profile));
  list(profiles, others, (each) =>
    el("button", { type: "button", onclick: () => send("PROFILE", String(each.key ?? "")) }, each.name));
  profileCard.hidden = !others.length;
  const undo = view.undo && view.undo.until > now() ? view.undo : null;
  idle.show(view, undo?.ticket);
  const calledOnly = view.state === "called";
  const can = {
    RECALL: has, START: calledOnly, FINISH: has, NOSHOW: calledOnly, HOLD: has, TRANSFER: has,
    UNHOLD: view.held.length > 0, UNDO: Boolean(undo), PAUSE: view.state !== "closed", EVALUATE: view.rater, HELP: view.state !== "closed",
  };
  for (const [name, may] of Object.entries(can)) keys[name].button.disabled = !may;
  for (const button of targets.children) button.disabled = !has;
  keys.EVALUATE.button.hidden = !view.rater;
  put(keys.UNDO.text, undo?.ticket ? say("page.counter.undo_ticket", { ticket: undo.ticket }) : say("page.counter.undo"));
  keys.UNDO.button.classList.toggle("fresh", Boolean(undo) && undo.until - now() < FRESH);
  clearTimeout(undoTimer);
  if (undo) undoTimer = setTimeout(refresh, Math.min(undo.until - now() + 50, 60000));
  put(keys.PAUSE.text, view.state === "paused" ? say("page.counter.resume") : say("page.counter.pause"));
  keys.CLOSE.sends = view.state === "closed" ? "OPEN" : "CLOSE";
  put(keys.CLOSE.text, view.state === "closed" ? say("page.counter.open") : say("page.counter.close"));
}

/** Children made anew only when what they show has changed. */
function list(parent, items, make) {
  const shown = JSON.stringify(items);
  if (parent.dataset.shown === shown) return;
  parent.dataset.shown = shown;
  fill(parent, items.map(make));
}

showTyped();
setInterval(() => view && refresh(), 5000);
watch(`${path}/live`, show, { stale: bar });
