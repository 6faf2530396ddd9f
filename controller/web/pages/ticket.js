// A customer's own ticket, behind the code on it: where it stands, for as long as it waits.
import { ask, clock, el, fill, languageButton, now, page, put, say, sizeButton, speak, toast, watch } from "./common.js";

const TREMBLE = [400, 200, 400, 200, 400]; // ms of trembling and rest

/** What this phone keeps, where it keeps anything. */
const kept = {
  get(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // Then it is as usual the next time.
    }
  },
};

if (page.languages[kept.get("language")]) speak(kept.get("language"));

const branch = el("p", { class: "branch" }, page.branch);
const stale = el("p", { class: "stale", role: "status", hidden: true });
const ticket = el("section", { class: "ticket", hidden: true });
const state = el("section", { class: "state", "aria-live": "polite", "aria-atomic": "true" });
const live = el("p", { class: "live" });
const message = el("a", { class: "message", rel: "noopener noreferrer", hidden: true });
if (page.messages) message.href = page.messages;
const rating = el("section", { class: "rating", hidden: true, "aria-live": "polite" });
const opinion = el("a", { class: "opinion", href: `/opinion?page=${encodeURIComponent(page.ticketPage)}`, hidden: true });
const size = sizeButton((large) => {
  size.write(large);
  kept.set("large", String(large));
});
const language = languageButton(() => {
  kept.set("language", page.language);
  turn();
});
document.getElementById("main").append(
  branch, stale, ticket, state, rating, message, live, opinion, el("div", { class: "tools" }, size.button, language.button));
size.write(kept.get("large") === "true");

let told; // the last picture; null: the ticket is no longer valid
let heardAt = 0; // the time of the last picture, while there is no connection
const shown = new Map(); // part of the page -> what it shows, as text: what has not changed is not read out again
let called = ""; // the call that the phone has told of

function changed(part, content) {
  const text = JSON.stringify(content);
  if (shown.get(part) === text) return false;
  shown.set(part, text);
  return true;
}

/** A sentence with its number larger than the words around it. */
function enlarged(key, name, value) {
  const [before, after = ""] = say(key).split(`{${name}}`);
  return [before, el("span", { class: "whole" }, el("strong", {}, String(value)), after)];
}

const title = (text) => el("h2", {}, text);
const hint = (key, about) => el("p", { class: "hint" }, say(key, about));

/** Whether the time until which somebody may come back has passed, by the controller's clock. */
const isOver = (view) => view.returns_until > 0 && now() > view.returns_until;

/** What is said of a ticket in each of its states. */
const SAID = {
  waiting: (view) => [
    view.ahead ? el("h2", {}, ...enlarged("page.ticket.ahead", "n", view.ahead)) : title(say("page.ticket.ahead_none")),
    view.wait && el("p", { class: "wait" }, say("page.ticket.wait"), el("b", {}, view.wait)),
  ],
  called: (view) => [
    el("h2", {}, ...enlarged("page.ticket.called", "counter", view.counter)), hint("page.ticket.called_hint"),
  ],
  serving: (view) => [title(say("page.ticket.serving", view))],
  held: () => [title(say("page.ticket.held"))],
  missed: (view) => [
    title(say("page.ticket.missed")),
    !view.returns_until ? hint("page.ticket.missed_ask")
      : hint(isOver(view) ? "page.ticket.missed_over" : "page.ticket.missed_until", { time: clock(view.returns_until) }),
  ],
  finished: () => [title(say("page.ticket.finished")), hint("page.ticket.finished_hint")],
  cancelled: () => [title(say("page.ticket.cancelled")), hint("page.ticket.again")],
  gone: () => [title(say("page.ticket.gone")), hint("page.ticket.gone_hint")],
};

/** From the best to the worst. */
const SCORES = [
  [5, "page.ticket.rate_5"], [4, "page.ticket.rate_4"], [3, "page.ticket.rate_3"], [2, "page.ticket.rate_2"],
  [1, "page.ticket.rate_1"],
];
let thanks = ""; // what the rating was answered

/** After the visit: how it was, once; and at any time the way to the opinion form. */
function askForRating(view) {
  opinion.hidden = !view?.opinions;
  put(opinion, say("page.ticket.opinion"));
  const asks = view?.rate && !thanks;
  rating.hidden = !asks && !thanks && !(view?.rated && view.state === "finished");
  if (!changed("rating", [page.language, asks, thanks, rating.hidden])) return;
  if (rating.hidden) return fill(rating);
  if (!asks) return fill(rating, el("p", {}, thanks || say("page.ticket.rated")));
  fill(rating, el("h2", { id: "rate" }, say("page.ticket.rate")),
    el("div", { class: "scores", role: "group", "aria-labelledby": "rate" }, SCORES.map(([score, word]) =>
      el("button", { type: "button", "data-score": score, onclick: () => rate(score) }, say(word)))));
}

async function rate(score) {
  for (const button of rating.querySelectorAll("button")) button.disabled = true;
  const answer = await ask("POST", `/api/pages/${encodeURIComponent(page.ticketPage)}/rating`, { score });
  if (answer.result === "ok") thanks = say("page.ticket.rated");
  else if (answer.status === 409) thanks = answer.text;
  else toast(answer.text, true);
  shown.delete("rating");
  askForRating(told);
}

function show(picture) {
  told = picture;
  askForRating(picture);
  const view = picture && { ...picture, ...picture.in[page.language] };
  const { state: name } = view ?? { state: "gone" };
  live.hidden = ["finished", "cancelled", "gone"].includes(name);
  message.hidden = !page.messages || !["waiting", "held"].includes(name);
  ticket.hidden = !view;
  if (view) put(branch, view.branch);
  if (view && changed("ticket", [page.language, view.ticket, view.service])) {
    ticket.setAttribute("aria-label", say("page.ticket.number"));
    ticket.classList.toggle("long", view.ticket.length > 5);
    fill(ticket, el("p", { class: "label" }, say("page.ticket.number")),
      el("p", { class: "id" }, view.ticket), el("p", { class: "service" }, view.service));
  }
  const { ahead, wait, counter, returns_until: until } = view ?? {};
  const { since } = name === "called" ? view : {}; // called again: it is to be noticed again
  const over = name === "missed" && isOver(view);
  if (!changed("state", [page.language, name, ahead, wait, counter, until, since, over])) return;
  fill(state, SAID[name](view));
  state.className = "state";
  void state.offsetWidth; // so that the same colour begins to glow anew
  state.classList.add(name);
  document.body.classList.toggle("is-called", name === "called");
  const text = name === "called" ? say("page.ticket.called", view) : "";
  const usual = `${say("page.title.ticket")} · ${branch.textContent}`;
  document.title = view ? [text, view.ticket, usual].filter(Boolean).join(" · ") : usual;
  const call = text && `${counter} ${since}`;
  if (call && call !== called) tremble();
  called = call;
  if (["finished", "cancelled"].includes(name)) watching.stop();
}

/** Everything in the language that the page is in now. */
function turn() {
  put(live, say("page.ticket.live"));
  put(message, say("page.ticket.message"));
  put(stale, heardAt ? say("page.ticket.stale", { time: clock(heardAt) }) : "");
  language.write();
  size.write();
  if (told === undefined) fill(state, el("p", {}, say("page.ticket.loading")));
  else show(told);
}

function tremble() {
  // Browsers refuse it, and complain, until the page has been touched.
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(TREMBLE);
}

const watching = watch(`/api/pages/${encodeURIComponent(page.ticketPage)}/live`, show, {
  ends: true,
  /** The number is still theirs: the page says how old it is, in place of hiding it. */
  stale(since) {
    heardAt = since;
    document.body.classList.toggle("is-old", Boolean(since));
    stale.hidden = !since;
    put(stale, since ? say("page.ticket.stale", { time: clock(since) }) : "");
  },
});

turn();
// What is promised until some time is taken back when that has come.
setInterval(() => told && show(told), 1000);
