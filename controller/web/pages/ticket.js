// A customer's own ticket, behind the code on it: where it stands, for as long as it waits.
import { clock, el, fill, page, say, watch } from "./common.js";

const TREMBLE = [400, 200, 400, 200, 400]; // ms of trembling and rest

const stale = el("p", { class: "stale", role: "status", hidden: true });
const ticket = el("section", { class: "ticket", "aria-label": say("page.ticket.number"), hidden: true });
const state = el("section", { class: "state", "aria-live": "polite", "aria-atomic": "true" },
  el("p", {}, say("page.ticket.loading")));
const live = el("p", { class: "live" }, say("page.ticket.live"));
document.getElementById("main").append(el("p", { class: "branch" }, page.branch), stale, ticket, state, live);

const usual = document.title;
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
    view.returns_until
      ? hint("page.ticket.missed_until", { time: clock(view.returns_until) })
      : hint("page.ticket.missed_ask"),
  ],
  finished: () => [title(say("page.ticket.finished")), hint("page.ticket.finished_hint")],
  cancelled: () => [title(say("page.ticket.cancelled")), hint("page.ticket.again")],
  gone: () => [title(say("page.ticket.gone")), hint("page.ticket.gone_hint")],
};

function show(view) {
  const { state: name } = view ?? { state: "gone" };
  live.hidden = ["finished", "cancelled", "gone"].includes(name);
  ticket.hidden = !view;
  if (view && changed("ticket", [view.ticket, view.service])) {
    ticket.classList.toggle("long", view.ticket.length > 5);
    fill(ticket, el("p", { class: "label" }, say("page.ticket.number")),
      el("p", { class: "id" }, view.ticket), el("p", { class: "service" }, view.service));
  }
  const { ahead, wait, counter, returns_until: until } = view ?? {};
  const { since } = name === "called" ? view : {}; // called again: it is to be noticed again
  if (!changed("state", [name, ahead, wait, counter, until, since])) return;
  fill(state, SAID[name](view));
  state.className = "state";
  void state.offsetWidth; // so that the same colour begins to glow anew
  state.classList.add(name);
  document.body.classList.toggle("is-called", name === "called");
  const told = name === "called" ? say("page.ticket.called", view) : "";
  document.title = view ? [told, view.ticket, usual].filter(Boolean).join(" · ") : usual;
  const call = told && `${counter} ${since}`;
  if (call && call !== called) tremble();
  called = call;
  if (["finished", "cancelled"].includes(name)) watching.stop();
}

function tremble() {
  // Browsers refuse it, and complain, until the page has been touched.
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(TREMBLE);
}

const watching = watch(`/api/pages/${encodeURIComponent(page.ticketPage)}/live`, show, {
  ends: true,
  /** The number is still theirs: the page says how old it is, in place of hiding it. */
  stale(since) {
    document.body.classList.toggle("is-old", Boolean(since));
    stale.hidden = !since;
    const text = since ? say("page.ticket.stale", { time: clock(since) }) : "";
    if (stale.textContent !== text) stale.textContent = text;
  },
});
