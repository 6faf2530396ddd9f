// Tickets that are nowhere in the line: missed, held, or without a paper.

import { el, put, say } from "./common.js";
import { act, reprintAll } from "./console_deeds.js";
import { addPart, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";
import { awayRow } from "./console_rows.js";

const missed = el("ul", { class: "rows" });
const noMissed = el("p", { class: "soft" }, say("page.console.no_missed"));
const held = el("ul", { class: "rows" });
const heldTitle = el("h3", {}, say("page.console.held"));
const unprinted = el("ul", { class: "unprinted" });
const unprintedTitle = el("h3", {}, say("page.console.unprinted"));
const all = el("button", { type: "button", onclick: () => reprintAll([...view.unprinted], all) });

const showMissed = keyed(missed, (item) => item.ticket, () => awayRow("missed"));
const showHeld = keyed(held, (item) => item.ticket, () => awayRow("held"));

const showUnprinted = keyed(unprinted, (ticket) => ticket, () => {
  const name = el("span", { class: "ticket number" });
  let ticket;
  const button = el("button", { type: "button", onclick: () => act({ key: "REPRINT", ticket }, button) },
    say("page.console.print"));
  return {
    node: el("li", {}, name, button),
    show(next) {
      ticket = next;
      put(name, ticket);
      button.setAttribute("aria-label", `${say("page.console.print")} ${ticket}`);
    },
  };
});

export const awayPart = [
  el("h3", {}, say("page.console.missed")), missed, noMissed, heldTitle, held, unprintedTitle, all, unprinted,
];

addPart({
  refresh() {
    showMissed(view.missed, false);
    showHeld(view.held, false);
  },
  arrange() {
    showUnprinted(view.unprinted);
    unprintedTitle.hidden = !view.unprinted.length;
    all.hidden = view.unprinted.length < 2;
    put(all, say("page.console.reprint_all", { count: view.unprinted.length }));
  },
  sort() {
    showMissed(view.missed);
    noMissed.hidden = view.missed.length > 0;
    showHeld(view.held);
    heldTitle.hidden = !view.held.length;
  },
});
