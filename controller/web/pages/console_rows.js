// Rows of the console's lists of tickets: a number, what it is, a few words more, how long; a tap opens the sheet.

import { clock, el, now, put, say } from "./common.js";
import { STATES, cancelling, className, counterName, gradeOf, serviceName, usual } from "./console_hall.js";
import { cancelMark, marksOf, mayReturn, returnOf, showMarks, waited } from "./console_parts.js";
import { open } from "./console_ticket.js";

function row(kind) {
  const ticket = el("span", { class: "ticket number" });
  const name = el("span", { class: "service" });
  const klass = el("span", { class: "badge" });
  const marks = el("span", { class: "marks" });
  const right = el("span", { class: "right" });
  const when = el("small", { class: "when" });
  let item;
  const button = el("button", {
    type: "button", class: "row", "aria-haspopup": "dialog", onclick: () => open(kind(item), item, button),
  }, ticket, el("span", { class: "what" }, name, klass, marks), el("span", { class: "times" }, right, when));
  return {
    node: el("li", {}, button),
    marks,
    right,
    when,
    set(next) {
      item = next;
      put(ticket, item.ticket);
      put(name, serviceName(item.service));
      const special = Boolean(item.class) && item.class !== usual;
      put(klass, special ? className(item.class) : "");
      klass.hidden = !special;
      klass.dataset.klass = item.class;
      button.dataset.ticket = item.ticket;
      button.classList.toggle("cancelling", cancelling.has(item.ticket));
    },
  };
}

/** A row of a ticket that waits; `fits` says whether it is among those that are looked for. */
export function waitingRow(fits) {
  const made = row(() => "waiting");
  const ahead = el("span", { class: "soft ahead" });
  made.marks.after(ahead);
  return {
    node: made.node,
    show(item) {
      made.set(item);
      showMarks(made.marks, marksOf(item));
      put(ahead, say("page.console.ahead", { n: item.ahead }));
      waited(made.right, item.since, gradeOf(item));
      const time = clock(Math.max(item.expected, now()));
      put(made.when, item.expected ? say("page.console.expected_at", { time }) : "");
      made.node.hidden = !fits(item);
    },
  };
}

/** A row of a ticket that does not wait; `named` says where it is, among others that are elsewhere. */
export function awayRow(kind, named = false) {
  const made = row(() => kind);
  const words = (item) => {
    if (kind === "held") return say("page.console.held_at", { counter: item.counter });
    if (kind === "hand") return say(STATES[item.state]);
    return returnOf(item);
  };
  const status = { missed: say("page.console.missed"), held: say("page.console.held") };
  return {
    node: made.node,
    show(item) {
      made.set(item);
      const where = kind === "hand" ? counterName(item.counter) : named ? status[kind] : "";
      showMarks(made.marks, [cancelMark(item), where, words(item)].filter(Boolean));
      waited(made.right, item.since);
      if (kind === "missed") put(made.right, mayReturn(item) ? say("page.console.back") : "");
      made.right.classList.toggle("hint", kind === "missed");
    },
  };
}
