// What can be done to one counter, in the sheet: open it, pause it for a reason, close it; and how it does.

import { clock, el, fill, minutes, now, put, say } from "./common.js";
import { act } from "./console_deeds.js";
import { STATES, counterName, view } from "./console_hall.js";
import { keepOffers, offerId, offersOf } from "./console_offers.js";
import { reasons } from "./console_reasons.js";
import { sheet } from "./console_sheet.js";

/** Why a counter is paused, in words; nothing, if it is not, or said no reason that has a name. */
export const pauseName = ({ state, reason }) => (state === "paused" && view.pauses[reason]) || "";

/** For how many minutes a counter has called somebody who was never served, once that is long; else 0. */
export const stuckFor = ({ stuck_at, since }) => (stuck_at && now() >= stuck_at ? minutes(since) : 0);

/** Open the sheet for a counter. */
export async function openCounter(counter, from) {
  if (!view) return;
  const item = { ticket: "" };
  sheet.open("counter", item, counterName(counter.id), from);
  const offers = await offersOf("counters", counter.id);
  if (!sheet.shows(item)) return;
  const press = (key, more = {}) => (button) => act({ key, counter: counter.id, ...more }, button);
  const offered = (key) => offerId(key, { counter: counter.id });
  const one = (key, word, look) => offers.has(offered(key)) && el("button", {
    type: "button", class: look, "data-offer": offered(key), onclick: (event) => press(key)(event.currentTarget),
  }, say(word));
  const facts = el("dl", { class: "facts desk-facts" });
  const ends = el("p", { class: "soft ends" });
  const pause = (why, button) => press("PAUSE", why in view.pauses ? { digits: why } : { reason: why })(button);
  const others = counter.profiles.filter((each) => each.id !== counter.profile);
  fill(sheet.body,
    facts, ends,
    offers.has(offered("OPEN")) && el("div", { class: "quick" }, one("OPEN", "page.console.open_counter", "go")),
    offers.has(offered("PAUSE")) && el("fieldset", { "data-offer": offered("PAUSE") },
      reasons(say("page.console.pause_counter"), Object.keys(view.pauses), "", pause, (digit) => view.pauses[digit])),
    others.length > 0 && el("fieldset", {}, el("h3", {}, say("page.console.profile")), el("div", { class: "choices" },
      others.map((each) => el("button", {
        type: "button", onclick: (event) => press("PROFILE", { profile: each.id })(event.currentTarget),
      }, each.name)))),
    offers.has(offered("CLOSE")) && el("div", { class: "stop-group quick" },
      one("CLOSE", "page.console.close_counter", "stop")));
  sheet.keep(() => {
    const here = view.counters.find((each) => each.id === counter.id);
    if (!here) return;
    const called = stuckFor(here);
    put(sheet.about, [
      say(STATES[here.state] ?? here.state), pauseName(here),
      called ? say("page.console.stuck", { minutes: called }) : "",
    ].filter(Boolean).join(" · "));
    const next = { ticket: here.next, time: clock(Math.max(here.next_at, now())) };
    put(ends, here.ticket ? say("page.console.ends", { ticket: here.ticket }) : "");
    showFacts(facts, [
      [say("page.console.served_today"), String(here.served)],
      here.clerk && [say("page.console.clerk"), here.clerk],
      here.profile && [say("page.console.serves"), here.profiles.find((each) => each.id === here.profile)?.name ?? here.profile],
      here.ticket && [say("page.console.in_hand"), here.ticket],
      here.since > 0 && [say("page.console.so_since"),
        say("page.console.since_when", { time: clock(here.since), minutes: minutes(here.since) })],
      here.next && [say(here.next_at ? "page.console.next_here" : "page.console.next_opened"),
        here.next_at ? say("page.console.about", next) : here.next],
      [say("page.console.waiting"), String(here.waiting)],
    ].filter(Boolean));
    keepOffers(item, "counters", counter.id);
  });
}

function showFacts(list, facts) {
  const text = JSON.stringify(facts);
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  fill(list, facts.map(([name, value]) =>
    el("div", {}, el("dt", { class: "soft" }, name), el("dd", { class: "number" }, value))));
}
