// The counters, who is there, and which to open or close.

import { clock, el, minutes, now, put, say } from "./common.js";
import { openCounter, pauseName, stuckFor } from "./console_counter.js";
import { act } from "./console_deeds.js";
import { STATES, addPart, className, counterName, serviceName, usual, view } from "./console_hall.js";
import { keyed, needsOf, showMarks } from "./console_parts.js";
import { open } from "./console_ticket.js";

const AGREED = { open: "page.console.to_open", close: "page.console.to_close" };

export const counters = el("ul", { class: "desks" });
/** Asked in the list of advice where the clock says another business day than the one that is open. */
const NEW_DAY = "new day";

export const advice = el("ul", { class: "advice" });

const showCounters = keyed(counters, (counter) => counter.id, () => {
  const name = el("span", { class: "name" });
  const state = el("span", { class: "state" });
  const ticket = el("span", { class: "ticket number" });
  const about = el("span", { class: "about soft" });
  const since = el("span", { class: "since" });
  const needs = el("span", { class: "needs" });
  const agreed = el("span", { class: "agreed" });
  const stuck = el("span", { class: "flag stuck" });
  const next = el("span", { class: "coming" });
  const waiting = el("span", { class: "soft for" });
  let counter;
  const node = el("li", { class: "counter" });
  const button = el("button", {
    type: "button", class: "hand", "aria-haspopup": "dialog",
    onclick: () => open("hand", { ...counter, counter: counter.id }, button),
  }, ticket, since);
  const desk = el("button", {
    type: "button", class: "desk", "aria-haspopup": "dialog", onclick: () => openCounter(counter, desk),
  }, name, state);
  node.append(desk, agreed, stuck, button, about, needs, next, waiting);
  return {
    node,
    show(latest) {
      counter = latest;
      put(name, counterName(counter.id));
      put(state, [say(STATES[counter.state] ?? counter.state), pauseName(counter)].filter(Boolean).join(" · "));
      node.dataset.state = counter.state;
      put(agreed, Object.entries(counter.agreed).map(([what, at]) => say(AGREED[what], { time: clock(at) })).join(" "));
      agreed.hidden = !agreed.textContent;
      const busy = Boolean(counter.ticket);
      put(ticket, counter.ticket || "—");
      button.hidden = !busy;
      put(since, say("page.console.since", { minutes: minutes(counter.since) }));
      const called = stuckFor(counter);
      put(stuck, called ? say("page.console.stuck", { minutes: called }) : "");
      stuck.hidden = !called;
      node.classList.toggle("is-stuck", Boolean(called));
      const klass = counter.class && counter.class !== usual ? ` · ${className(counter.class)}` : "";
      const serves = Object.keys(counter.serves).map(serviceName).join(" ");
      put(about, busy ? `${serviceName(counter.service)}${klass}` : serves);
      showMarks(needs, needsOf(counter));
      put(next, !counter.next ? "" : counter.next_at
        ? say("page.console.next_at", { ticket: counter.next, time: clock(Math.max(counter.next_at, now())) })
        : say("page.console.next_if_open", { ticket: counter.next }));
      put(waiting, say("page.console.counter_waiting", { count: counter.waiting }));
    },
  };
});

const showAdvice = keyed(advice, (each) => `${each.action}${each.counter}`, () => {
  const text = el("strong");
  let counter;
  const answer = (key, label, kind) => {
    const button = el("button", { type: "button", class: kind, onclick: () => act({ key, counter }, button) }, label);
    return button;
  };
  const begin = answer("NEWDAY", say("page.console.new_day"), "main");
  const answers = [
    answer("ACCEPT", say("page.console.accept"), "main"), answer("DECLINE", say("page.console.decline"), ""),
  ];
  return {
    node: el("li", {}, text, el("span", { class: "answers" }, begin, ...answers)),
    show(each) {
      counter = each.counter;
      begin.hidden = each.action !== NEW_DAY;
      for (const button of answers) button.hidden = each.action === NEW_DAY;
      put(text, each.text);
    },
  };
});

addPart({
  refresh: () => showCounters(view.counters),
  arrange() {
    const ask = view.new_day
      ? [{ action: NEW_DAY, counter: "", text: say("page.console.new_day_ask", { day: view.new_day }) }] : [];
    showAdvice([...ask, ...view.advice]);
    advice.hidden = !ask.length && !view.advice.length;
  },
});
