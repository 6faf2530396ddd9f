// What can be done about one ticket, in the sheet: each deed in two taps, with a reason.

import { ask, clock, el, fill, page, put, say } from "./common.js";
import { act, cancelSoon } from "./console_deeds.js";
import { STATES, counterName, view } from "./console_hall.js";
import { can, sheet } from "./console_sheet.js";

const REMARK = 80; // characters of a reason in her own words

const GREEN = ["elderly", "pregnant", "disabled", "child", "ill", "military"];
const URGENT = ["ill", "travel", "conflict"];
const MOVE = ["balance", "wrong_service", "asked", "skill"];
const BACK = ["not_heard", "stepped_out"];
const CANCEL = ["left", "twice", "machine"];

/** Open the sheet for a ticket; `kind` says where it is: waiting, missed, held, hand (at a counter), other (ask). */
export function open(kind, item, from) {
  if (!view) return;
  sheet.open(kind, item, item.ticket, from);
  if (kind === "other") whyPanel(item.ticket, () => actions("unlisted", item));
  else actions(kind, item);
}

function actions(kind, item) {
  const { ticket } = item;
  const allowed = can(kind, item);
  const press = (key) => (event) => act({ key, ticket }, event.currentTarget);
  const forReason = (key) => (reason, button) => act({ key, ticket, reason }, button);
  const only = (what, ...parts) => allowed.includes(what) && el("fieldset", { "data-can": what }, parts);
  const where = kind === "hand" && el("p", { class: "why-text" });
  const quick = el("div", { class: "quick" },
    only("why", el("button", { type: "button", onclick: () => whyPanel(ticket, () => actions(kind, item)) },
      say("page.console.why"))),
    el("button", { type: "button", onclick: press("REPRINT") }, say("page.console.reprint")),
    item.undo && only("undo", el("button", { type: "button", class: "undo", onclick: press("UNDO") },
      say("page.console.undo_change"))));
  fill(sheet.body,
    where, quick,
    only("back", reasons(say("page.console.back"), BACK, "go", forReason("RETURN"))),
    item.class !== "green" && only("promote", reasons(say("page.console.green"), GREEN, "go-chip", forReason("GREEN"))),
    item.class !== "urgent" && only("promote", reasons(say("page.console.urgent"), URGENT, "", forReason("URGENT"))),
    (allowed.includes("call") || allowed.includes("move")) && whereTo(item, allowed),
    only("cancel", reasons(say("page.console.cancel"), CANCEL, "stop", (reason) => cancelSoon(ticket, reason))));
  if (where) sheet.keep(() => {
    const at = view.counters.find((each) => each.ticket === ticket);
    if (at) put(where, `${say("page.console.at_counter", { ticket, counter: at.id })} · ${say(STATES[at.state])}`);
  });
  sheet.allow();
}

/** Reasons of which a tap acts; "other" takes her own words. */
function reasons(title, codes, kind, doIt) {
  const chips = el("div", { class: "choices" },
    codes.map((code) =>
      el("button", { type: "button", class: kind, onclick: (event) => doIt(code, event.currentTarget) },
        say(`reason.${code}`))),
    el("button", { type: "button", class: kind, onclick: () => ownWords() }, say("page.console.other")));
  const group = el("section", { class: `group ${kind}-group`, "aria-label": title }, el("h3", {}, title), chips);
  function ownWords() {
    const words = el("form", { class: "own-words" });
    const input = remark();
    words.append(
      input,
      el("button", { type: "submit", class: kind || "main" }, say("page.console.other_go")),
      el("button", { type: "button", onclick: () => (words.replaceWith(chips), chips.lastChild.focus()) },
        say("page.console.other_back")));
    words.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) doIt(input.value.trim(), words.querySelector("[type=submit]"));
      else input.focus();
    });
    chips.replaceWith(words);
    input.focus();
  }
  return group;
}

const remark = () =>
  el("input", {
    type: "text", maxlength: String(REMARK), placeholder: say("page.console.other_label"),
    "aria-label": say("page.console.other_label"), autocomplete: "off",
  });

/** Reasons of which one is chosen, the first beforehand: gives what was chosen, and its element. */
function reasonOf(codes) {
  let chosen = codes[0];
  const input = remark();
  input.hidden = true;
  const chips = [...codes, ""].map((code) =>
    el("button", {
      type: "button", class: "chip", "aria-pressed": String(code === chosen),
      onclick: () => {
        chosen = code;
        chips.forEach((chip, n) => chip.setAttribute("aria-pressed", String(([...codes, ""])[n] === code)));
        input.hidden = Boolean(code);
        if (!code) input.focus();
      },
    }, code ? say(`reason.${code}`) : say("page.console.other")));
  const label = say("page.console.reason");
  const node = el("div", { class: "reason", role: "group", "aria-label": label },
    el("span", { class: "soft" }, label), chips, input);
  return { node, reason: () => chosen || input.value.trim() };
}

/** Call a ticket to a free counter now, or have it wait for another service or counter. */
function whereTo(item, allowed) {
  const { ticket } = item;
  const { node, reason } = reasonOf(MOVE);
  const calls = page.counters.map((id) => {
    const why = el("small");
    const button = el("button", {
      type: "button", class: "to", onclick: () => act({ key: "CALL", ticket, counter: id, reason: reason() }, button),
    }, counterName(id), why);
    return { id, button, why };
  });
  sheet.keep(() => {
    for (const { id, button, why } of calls) {
      const counter = view.counters.find((each) => each.id === id);
      const serves = !item.service || counter?.serves[item.service] !== undefined || item.only === id;
      const isFree = counter?.state === "open" && !counter.ticket;
      button.disabled = !isFree || !serves;
      put(why, !serves ? say("page.console.not_served") : counter ? say(STATES[counter.state] ?? counter.state) : "");
    }
  });
  const move = (content, label, kind = "") => {
    const button = el("button", {
      type: "button", class: kind, onclick: () => act({ key: "REASSIGN", ticket, reason: reason(), ...content }, button),
    }, label);
    return button;
  };
  return el("section", { class: "group", "aria-label": say("page.console.to_where") },
    el("h3", {}, say("page.console.to_where")),
    el("fieldset", { "data-can": allowed.includes("move") ? "move" : "call" }, node),
    allowed.includes("call") && el("fieldset", { "data-can": "call" },
      el("h4", {}, say("page.console.call_to")),
      el("div", { class: "choices" }, calls.map((each) => each.button)),
    ),
    allowed.includes("move") && el("fieldset", { "data-can": "move" },
      el("h4", {}, say("page.console.reassign_service")),
      el("div", { class: "choices" },
        page.services.filter(({ id }) => id !== item.service).map(({ id, name }) => move({ service: id }, name)),
        move({}, say("page.console.reassign_any"), "wide")),
      el("h4", {}, say("page.console.reassign_counter")),
      el("div", { class: "choices" }, page.counters.map((id) => move({ counter: id }, counterName(id)))),
    ));
}

/** Why a ticket is not next: the sentence, and the table behind it, in place of the actions. */
async function whyPanel(ticket, back) {
  const text = el("p", { class: "why-text", role: "status" }, say("page.console.why_asking"));
  const returning = el("button", { type: "button", onclick: back }, say("page.console.other_back"));
  const table = el("div", { class: "why-table" });
  fill(sheet.body, text, el("div", { class: "quick" }, returning), table);
  returning.focus({ preventScroll: true });
  const answer = await ask("GET", `/api/tickets/${encodeURIComponent(ticket)}/why`);
  if (!text.isConnected) return;
  put(text, answer.text ?? "");
  const known = answer.result === "ok" && Boolean(answer.ticket);
  returning.hidden = !known;
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
