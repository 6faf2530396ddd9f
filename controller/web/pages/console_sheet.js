// The panel beside the lists (on a phone: below) in which everything about one ticket is done.

import { el, fill, minutes, put, say } from "./common.js";
import { SETTLE, addPart, className, gradeOf, keepOrder, main, serviceName, usual, view } from "./console_hall.js";
import { marksOf, needsOf, returnOf, rowOf, showMarks } from "./console_parts.js";

/** What is asked about a ticket where it is; elsewhere why it is not next. */
const ASKS = { hand: "page.console.why_called", missed: "page.console.why_away", held: "page.console.why_away" };

export const sheet = makeSheet();

function makeSheet() {
  const title = el("h2", { id: "sheet-title", tabindex: "-1" });
  const about = el("p", { class: "soft sheet-about" });
  const marks = el("p", { class: "marks" });
  const status = el("p", { class: "sheet-status", role: "alert" });
  const body = el("div", { class: "sheet-body" });
  const closer = el("button", {
    type: "button", class: "closer", "data-reads": true, "aria-label": say("page.console.close"), onclick: close,
  }, "✕");
  const panel = el("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "sheet-title" },
    el("div", { class: "sheet-head" }, el("div", {}, title, about, marks), closer, status), body);
  const scrim = el("div", { class: "scrim", hidden: true, onclick: (event) => event.target === scrim && close() }, panel);
  document.body.append(scrim);
  let opened = null;
  let opener = null;

  addEventListener("keydown", (event) => {
    if (!opened) return;
    if (event.key === "Escape") close();
    else if (event.key === "Tab") turnRound(event);
  });

  /** The focus stays inside. */
  function turnRound(event) {
    const all = [...panel.querySelectorAll("button:not(:disabled), input")].filter((each) => each.offsetParent);
    const [first, last] = [all[0], all.at(-1)];
    const at = document.activeElement;
    if (event.shiftKey ? at === first || at === title : at === last) {
      event.preventDefault();
      (event.shiftKey ? last : first)?.focus();
    }
  }

  /** What would be refused now cannot be pressed; it stays where it is. */
  function allow(offers) {
    for (const part of body.querySelectorAll("[data-offer]")) part.disabled = !offers.has(part.dataset.offer);
    if (document.activeElement?.closest(":disabled")) title.focus({ preventScroll: true });
  }

  /** What is asked about a ticket depends on where it is. */
  function askAnew() {
    const asks = body.querySelector("[data-asks]");
    if (asks) put(asks, say(ASKS[opened.state] ?? "page.console.why"));
  }

  function close() {
    if (!opened) return;
    const { ticket } = opened.item;
    opened = null;
    main.inert = false;
    panel.hidden = true;
    // The second half of a double tap must not fall on what was behind the sheet.
    scrim.classList.add("leaving");
    setTimeout(() => {
      scrim.classList.remove("leaving");
      scrim.hidden = !opened;
    }, SETTLE);
    keepOrder(false);
    const again = opener?.isConnected && opener.offsetParent
      ? opener
      : rowOf(ticket) ?? main.querySelector("input[type=search]");
    again.focus({ preventScroll: true });
  }

  return {
    isOpen: () => Boolean(opened),
    close,
    body,
    about,
    allow,
    askAnew,
    /** Whether what was opened with this item is still open. */
    shows: (item) => opened?.first === item,
    marks,
    open(kind, item, heading, from) {
      opened = { kind, item, first: item, state: kind };
      opener = from;
      put(title, heading);
      put(about, "");
      fill(body);
      showMarks(marks, []);
      put(status, "");
      status.className = "sheet-status";
      keepOrder(true);
      scrim.classList.remove("leaving");
      panel.hidden = scrim.hidden = false;
      main.inert = true;
      body.scrollTop = 0;
      title.focus({ preventScroll: true });
      this.follow();
    },
    tell(text, refused = false) {
      put(status, text ?? "");
      status.className = refused ? "sheet-status refused" : "sheet-status";
    },
    /** Keep what is open in step with the hall: where its ticket is now, which counters are free. */
    follow() {
      if (!opened || !view) return;
      opened.free?.();
      const { ticket } = opened.item;
      if (!ticket) return;
      const waits = view.waiting.find((item) => item.ticket === ticket);
      const gone = view.missed.find((item) => item.ticket === ticket);
      const onHold = view.held.find((item) => item.ticket === ticket);
      const at = view.counters.find((each) => each.ticket === ticket);
      const item = waits ?? gone ?? onHold ?? at;
      const state = waits ? "waiting" : gone ? "missed" : onHold ? "held" : at ? "hand" : "other";
      if (item) {
        const klass = item.class && item.class !== usual ? className(item.class) : "";
        const late = state === "waiting" && gradeOf(item) ? say("page.console.over") : "";
        const since = say("page.console.waited", { minutes: minutes(item.since) });
        put(about, [serviceName(item.service), klass, `${since} ${late}`.trim()].filter(Boolean).join(" · "));
      }
      if (item) showMarks(marks, waits ? marksOf(waits) : gone ? [returnOf(gone)] : at ? needsOf(at) : []);
      if (opened.kind === "other") return;
      if (state === opened.state) return;
      if (state === "other" && view.waiting_more) return;
      opened.state = state;
      askAnew();
      const where = {
        hand: () => say("page.console.at_counter", { ticket, counter: at.id }),
        missed: () => say("page.console.is_missed", { ticket }),
        held: () => say("page.console.is_held", { ticket, counter: onHold.counter }),
        waiting: () => say("page.console.is_waiting", { ticket }),
        other: () => say("page.console.has_left", { ticket }),
      };
      this.tell(where[state]());
    },
    /** A new number that no paper carries: large, until she has passed it on. */
    number(ticket) {
      put(about, "");
      const button = el("button", { type: "button", class: "main", onclick: close }, say("page.console.new_told"));
      fill(body, el("p", { class: "new-number number" }, ticket),
        el("p", { class: "why-text", role: "alert" }, say("page.console.new_unprinted")), button);
      button.focus();
    },
    /** Something to be done again with every picture while this is open. */
    keep(free) {
      opened.free = free;
      free();
    },
  };
}

addPart({ follow: () => sheet.follow() });
