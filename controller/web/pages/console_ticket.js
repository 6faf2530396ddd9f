// What can be done about one ticket, in the sheet: each deed in two taps, with a reason.

import { ask, clock, el, fill, page, put, say } from "./common.js";
import { act, cancelSoon } from "./console_deeds.js";
import { STATES, counterName, view } from "./console_hall.js";
import { keepOffers, offerId, offersOf } from "./console_offers.js";
import { reasonOf, reasons } from "./console_reasons.js";
import { sheet } from "./console_sheet.js";

const GREEN = ["elderly", "pregnant", "disabled", "child", "ill", "military"];
const URGENT = ["ill", "travel", "conflict"];
const MOVE = ["balance", "wrong_service", "asked", "skill"];
const BACK = ["not_heard", "stepped_out"];
const CANCEL = ["left", "twice", "machine"];

/** Open the sheet for a ticket; `kind` says where it is: waiting, missed, held, hand (at a counter), other (ask). */
export function open(kind, item, from) {
  if (!view) return;
  sheet.open(kind, item, item.ticket, from);
  if (kind === "other") whyPanel(item, () => actions(kind, item), true);
  else actions(kind, item);
}

/** All that would be accepted about the ticket now, as the controller says; what it refuses later cannot be pressed. */
async function actions(kind, item) {
  const { ticket } = item;
  const offers = await offersOf("tickets", ticket);
  if (!sheet.shows(item)) return;
  const press = (key) => (event) => act({ key, ticket }, event.currentTarget);
  const forReason = (key) => (reason, button) => act({ key, ticket, reason }, button);
  const group = (key, title, codes, look, doIt = forReason(key)) =>
    offers.has(offerId(key)) && el("fieldset", { "data-offer": offerId(key) }, reasons(say(title), codes, look, doIt));
  const quick = (key, title, look = "", shown = offers.has(offerId(key))) => shown && el("button", {
    type: "button", class: look, "data-offer": offerId(key), disabled: !offers.has(offerId(key)), onclick: press(key),
  }, say(title));
  // A no-show goes to the first counter that gets free; until then it is shown where it could go.
  const mayGo = [...offers].some((offer) => /^(CALL|REASSIGN)\//.test(offer)) ||
    (kind === "missed" && offers.has(offerId("RETURN")));
  const where = kind === "hand" && el("p", { class: "why-text" });
  fill(sheet.body,
    where,
    el("div", { class: "quick" },
      el("button", { type: "button", "data-asks": true, onclick: () => whyPanel(item, () => actions(kind, item)) },
        say("page.console.why")),
      // A printer that is out or busy now may print in a moment.
      quick("REPRINT", "page.console.reprint", "", kind !== "other"),
      quick("UNDO", "page.console.undo_change", "undo")),
    group("RETURN", "page.console.back", BACK, "go"),
    group("GREEN", "page.console.green", GREEN, "go-chip"),
    group("URGENT", "page.console.urgent", URGENT, ""),
    mayGo && whereTo(item, offers),
    group("CANCEL", "page.console.cancel", CANCEL, "stop", (reason) => cancelSoon(ticket, reason)));
  sheet.askAnew();
  sheet.keep(() => {
    const at = view.counters.find((each) => each.ticket === ticket);
    if (where && at) {
      put(where, `${say("page.console.at_counter", { ticket, counter: at.id })} · ${say(STATES[at.state])}`);
    }
    for (const why of sheet.body.querySelectorAll("[data-counter]")) put(why, stateFor(item, why.dataset.counter));
    keepOffers(item, "tickets", ticket);
  });
}

/** Call a ticket to a free counter now, or have it wait for another service or counter. */
function whereTo(item, offers) {
  const { ticket } = item;
  const { node, reason } = reasonOf(MOVE);
  const calls = page.counters.map((id) => {
    const why = el("small", { "data-counter": id });
    const button = el("button", {
      type: "button", class: "to", "data-offer": offerId("CALL", { counter: id }),
      onclick: () => act({ key: "CALL", ticket, counter: id, reason: reason() }, button),
    }, counterName(id), why);
    button.disabled = !offers.has(button.dataset.offer);
    return button;
  });
  const move = (content, label, kind = "") => {
    const button = el("button", {
      type: "button", class: kind, "data-offer": offerId("REASSIGN", content),
      onclick: () => act({ key: "REASSIGN", ticket, reason: reason(), ...content }, button),
    }, label);
    button.disabled = !offers.has(button.dataset.offer);
    return button;
  };
  return el("section", { class: "group", "aria-label": say("page.console.to_where") },
    el("h3", {}, say("page.console.to_where")),
    node,
    el("h4", {}, say("page.console.call_to")),
    el("div", { class: "choices" }, calls),
    offers.has(offerId("REASSIGN")) && el("div", {},
      el("h4", {}, say("page.console.reassign_service")),
      el("div", { class: "choices" },
        page.services.filter(({ id }) => id !== item.service || item.only)
          .map(({ id, name }) => move({ service: id }, name)),
        move({}, say("page.console.reassign_any"), "wide")),
      el("h4", {}, say("page.console.reassign_counter")),
      el("div", { class: "choices" }, page.counters.map((id) => move({ counter: id }, counterName(id)))),
    ));
}

/** What a counter is doing, and whether a ticket's service is none of its own. */
function stateFor(item, id) {
  const counter = view.counters.find((each) => each.id === id);
  const serves = !item.service || counter?.serves[item.service] !== undefined || item.only === id;
  return !serves ? say("page.console.not_served") : counter ? say(STATES[counter.state] ?? counter.state) : "";
}

/** Why a ticket is not next: the sentence, and the table behind it, in place of the actions. */
async function whyPanel(item, back, lookedUp = false) {
  const { ticket } = item;
  const text = el("p", { class: "why-text", role: "status" }, say("page.console.why_asking"));
  const returning = el("button", { type: "button", onclick: back }, say("page.console.other_back"));
  const table = el("div", { class: "why-table" });
  fill(sheet.body, text, el("div", { class: "quick" }, returning), table);
  returning.focus({ preventScroll: true });
  const [answer, offers] = await Promise.all([
    ask("GET", `/api/tickets/${encodeURIComponent(ticket)}/why`), offersOf("tickets", ticket),
  ]);
  if (!text.isConnected) return;
  put(text, answer.text ?? "");
  const known = answer.result === "ok" && Boolean(answer.ticket);
  returning.hidden = !known || (lookedUp && !offers.size); // of a ticket that has ended there may be nothing more to do
  if (!known || !answer.table?.length) return;
  const head = [
    say("page.console.why_place"), say("page.console.why_ticket"), say("page.console.why_service"),
    say("page.console.why_class"), say("page.console.why_came"), say("page.console.why_counts"),
  ];
  const at = (seconds) => clock(seconds * 1000);
  fill(table, el("table", {},
    el("caption", {}, say("page.console.why_table")),
    el("thead", {}, el("tr", {}, head.map((each) => el("th", { scope: "col" }, each)))),
    el("tbody", {}, answer.table.map((line, n) =>
      el("tr", { class: line.ticket === answer.ticket ? "mine" : "" },
        el("td", {}, String(n + 1)), el("th", { scope: "row", class: "number" }, line.ticket),
        el("td", {}, line.service), el("td", {}, line.class),
        el("td", { class: "number" }, at(line.came)), el("td", { class: "number" }, at(line.counts)))))));
}

/** A green-channel ticket for somebody who has none. */
export function newGreen(from) {
  if (!view) return;
  sheet.open("green", { ticket: "" }, say("page.console.new_green_title"), from);
  put(sheet.about, say("page.console.new_green_where"));
  let chosen = "";
  const choices = page.services.map(({ id, name }) => {
    const button = el("button", { type: "button", class: "chip", onclick: () => pick(id) }, name);
    return { id, button };
  });
  const doIt = (reason, button) => act({ key: "GREEN", service: chosen, reason }, button);
  const why = el("fieldset", {}, reasons(say("page.console.reason"), GREEN, "go", doIt));
  function pick(id) {
    chosen = id;
    why.disabled = !chosen;
    for (const each of choices) each.button.setAttribute("aria-pressed", String(each.id === chosen));
  }
  const title = say("page.console.services");
  fill(sheet.body,
    el("section", { class: "group", "aria-label": title },
      el("h3", {}, title), el("div", { class: "choices large" }, choices.map((each) => each.button))),
    why);
  pick(page.services.length === 1 ? page.services[0].id : "");
}
