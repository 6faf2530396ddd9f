// What a counter shows while nobody is there: who is next and how long they have waited, and how the last one left.

import { clock, el, minutes, put, say } from "./common.js";

const LEFT = {
  finished: "page.counter.last_finished",
  missed: "page.counter.last_missed",
  held: "page.counter.last_held",
  cancelled: "page.counter.last_cancelled",
  moved: "page.counter.last_moved",
};
const NEXT = { closed: "page.counter.next_opened", paused: "page.counter.next_resumed" };

/** The part of the customer's card for when it has none; `undo()` takes the last customer's leaving back. */
export function idleCard(undo) {
  const label = el("span", { class: "soft" });
  const next = el("strong", { class: "number coming" });
  const about = el("span", { class: "coming-about" });
  const waited = el("span", { class: "soft" });
  const last = el("span");
  const back = el("button", { type: "button", class: "back", onclick: undo }, say("page.counter.undo"));
  const leaving = el("p", { class: "last" }, last, back);
  const node = el("div", { class: "idle" }, el("p", { class: "next-up" }, label, next, about, waited), leaving);
  return {
    node,
    /** `undoes`: the ticket that undo would bring back; empty: none. */
    show(view, undoes) {
      node.hidden = Boolean(view.ticket);
      if (node.hidden) {
        for (const part of [label, next, about, waited, last]) put(part, "");
        return;
      }
      const { coming } = view;
      put(label, coming ? say(NEXT[view.state] ?? "page.counter.next") : "");
      put(next, coming ? view.next : say("page.counter.none_waiting"));
      next.classList.toggle("none", !coming);
      const who = coming && [coming.service, coming.class].filter(Boolean).join(" · ");
      put(about, who ?? (view.state === "closed" ? view.text : ""));
      put(waited, coming ? say("page.counter.waited_so_far", { minutes: minutes(coming.since) }) : "");
      leaving.hidden = !view.last;
      put(last, view.last ? `${clock(view.last.at)} ${say(LEFT[view.last.how], view.last)}` : "");
      back.hidden = !view.last || undoes !== view.last.ticket;
    },
  };
}
