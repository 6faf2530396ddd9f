// What the lobby manager does: one press at a time, what came of it told where she looks, and time to think it over.

import { ask, el, put, say } from "./common.js";
import { addPart, cancelling, refresh, view } from "./console_hall.js";
import { rowOf } from "./console_parts.js";
import { sheet } from "./console_sheet.js";

const UNDO_FOR = 8000; // ms for which what was just done can be taken back where it is told
const CANCELS_AFTER = 5000; // ms for which a cancellation can be thought over before it is sent
const TOLD_FOR = 4500;

// -- what is told --------------------------------------------------------------------------------------------

const told = el("div", { id: "told", hidden: true });
const toldText = el("span", { role: "status" });
const toldUndo = el("button", { type: "button", hidden: true }, say("page.console.undo"));
told.append(toldText, toldUndo);
const pending = el("div", { id: "pending", role: "status", "aria-label": say("page.console.cancel") });
document.body.append(el("div", { class: "tellers" }, pending, told));
let toldTimer;

/** Say what came of something; with `undo`, a ticket whose change can be taken back. */
export function tell(text, { refused = false, undo = "" } = {}) {
  clearTimeout(toldTimer);
  put(toldText, text);
  told.className = refused ? "refused" : "";
  told.hidden = !text;
  toldUndo.hidden = !undo;
  toldUndo.onclick = () => {
    told.hidden = true;
    act({ key: "UNDO", ticket: undo }, toldUndo);
  };
  toldTimer = setTimeout(() => (told.hidden = true), undo ? UNDO_FOR : refused ? 7000 : TOLD_FOR);
}

addPart({
  cover() {
    told.hidden = true;
  },
});

// -- doing ---------------------------------------------------------------------------------------------------

let acting = false;
const CAN_BE_UNDONE = ["GREEN", "URGENT", "REASSIGN"];

/** Cancel a ticket in a moment: until then it can be taken back, and is, if something else is done about the ticket. */
export function cancelSoon(ticket, reason) {
  cancelling.get(ticket)?.withdraw();
  const node = el("div", { class: "told" }, el("span", {}, say("page.console.will_cancel", { ticket })),
    el("button", {
      type: "button", "data-reads": true,
      onclick() {
        withdraw();
        tell(say("page.console.not_cancelled", { ticket }));
        rowOf(ticket)?.focus({ preventScroll: true });
      },
    }, say("page.console.undo")));
  const timer = setTimeout(send, CANCELS_AFTER);
  cancelling.set(ticket, { send, withdraw, called });
  sheet.close();
  told.hidden = true;
  pending.append(node);
  refresh();

  function stop() {
    clearTimeout(timer);
    node.remove();
  }

  function withdraw() {
    stop();
    cancelling.delete(ticket);
    refresh();
  }

  function called(counter) {
    if (!node.isConnected) return; // it is on its way: the controller decides which was first
    withdraw();
    tell(say("page.console.called_instead", { ticket, counter }), { refused: true });
  }

  async function send() {
    if (!node.isConnected) return;
    stop();
    const answer = await ask("POST", "/api/panel", { key: "CANCEL", ticket, service: "", counter: "", reason });
    cancelling.delete(ticket);
    refresh();
    tell(answer.text ?? "", { refused: answer.result !== "ok" });
  }
}

addPart({
  hear() {
    for (const [ticket, { called }] of cancelling) {
      const counter = view.counters.find((each) => each.ticket === ticket);
      if (counter) called(counter.id);
    }
  },
});

// Who leaves the page has not taken it back; a tablet that is put away may not come to it later.
addEventListener("pagehide", sendAll);
document.addEventListener("visibilitychange", () => document.hidden && sendAll());

export function sendAll() {
  return Promise.all([...cancelling.values()].map((each) => each.send()));
}

const NO_PRINTER = ["cannot_print", "no_printer"]; // refusals after which no further ticket is printed either

/** Reprint all of these, one after the other, as far as the printer takes them. */
export async function reprintAll(tickets, button) {
  if (acting) return;
  acting = true;
  button.setAttribute("aria-busy", "true");
  let done = 0, why = "";
  for (const ticket of tickets) {
    const answer = await ask("POST", "/api/panel", { key: "REPRINT", ticket, service: "", counter: "", reason: "" });
    if (answer.result === "ok") done += 1;
    else why = answer.text;
    if (answer.result === "error" || NO_PRINTER.includes(answer.code)) break;
  }
  acting = false;
  button.removeAttribute("aria-busy");
  const text = say("page.console.reprinted", { done, count: tickets.length });
  tell([text, why].filter(Boolean).join(" · "), { refused: Boolean(why) });
}

/** Press one of the panel's keys, one at a time. A refusal is told where she looks: in the sheet, if it is open. */
export async function act(content, button) {
  if (acting) return;
  cancelling.get(content.ticket)?.withdraw();
  acting = true;
  button?.setAttribute("aria-busy", "true");
  const answer = await ask("POST", "/api/panel", { ticket: "", service: "", counter: "", reason: "", ...content });
  acting = false;
  button?.removeAttribute("aria-busy");
  if (answer.result === "ok" && answer.ticket && !content.ticket && content.key === "GREEN") {
    if (answer.printed === false) sheet.number(answer.ticket);
    else {
      sheet.close();
      tell(say("page.console.new_printed", { ticket: answer.ticket }));
    }
  } else if (answer.result === "ok") {
    sheet.close();
    const undo = content.ticket && CAN_BE_UNDONE.includes(content.key) ? content.ticket : "";
    tell(answer.text ?? "", { undo });
  } else if (sheet.isOpen()) sheet.tell(answer.text, true);
  else tell(answer.text, { refused: true });
}
