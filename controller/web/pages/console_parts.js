// Parts of the console that change in place: lists in step with the hall, times, marks.

import { clock, el, fill, minutes, now, say } from "./common.js";
import { cancelling, main, view } from "./console_hall.js";

/**
 * Children of `parent` in step with a list, by key: `make()` gives {node, show(item)}. Whoever stays is changed in place
 * and moved only if its order changes; `arrange` false keeps order and members, and marks who has left.
 */
export function keyed(parent, key, make) {
  const parts = new Map();
  return (items, arrange = true) => {
    const wanted = new Map(items.map((item) => [key(item), item]));
    for (const [id, part] of parts) {
      const item = wanted.get(id);
      part.node.classList.toggle("gone", !item);
      if (item) part.show(item);
      else if (arrange) {
        part.node.remove();
        parts.delete(id);
      }
    }
    if (!arrange) return;
    const focused = document.activeElement;
    let place = parent.firstElementChild;
    for (const [id, item] of wanted) {
      let part = parts.get(id);
      if (!part) {
        part = make(item);
        part.show(item);
        parts.set(id, part);
      }
      // One that only moves away makes room for the others; they need not move as well.
      if (place && place !== part.node && place.nextElementSibling === part.node) place = part.node;
      if (place === part.node) place = place.nextElementSibling;
      else parent.insertBefore(part.node, place);
    }
    if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  };
}

/** A time waited. Of those who wait too long the worst are flagged; that the others do is read to who sees no colour. */
export function waited(node, since, grade = "") {
  const text = say("page.console.waited", { minutes: minutes(since) });
  if (node.dataset.shown === `${text}${grade}`) return;
  node.dataset.shown = `${text}${grade}`;
  node.classList.toggle("late", grade === "late");
  node.classList.toggle("worst", grade === "worst");
  const kind = grade === "worst" ? "flag" : "seen-only-by-readers";
  fill(node, grade && el("span", { class: kind }, `${say("page.console.over")} `), text);
}

/** The row of a ticket, wherever it is listed. */
export const rowOf = (ticket) => [...main.querySelectorAll("button.row")].find((each) => each.dataset.ticket === ticket);

/** What a customer needs, in words. */
export const needsOf = (item) => item.needs.map((need) => say(`needs.${need}`));

/** Whether a no-show may still come back, and in words until when. */
export const mayReturn = (item) => item.returns_until > now();
export const returnOf = (item) =>
  mayReturn(item)
    ? say("page.console.returns_until", { time: clock(item.returns_until) })
    : say("page.console.returns_no_more");

/** That a ticket is about to be cancelled, which is said beside whatever else is. */
export const cancelMark = (item) => cancelling.has(item.ticket) && say("page.console.mark_cancelling");

/** What is particular about a waiting ticket, in a few words. */
export function marksOf(item) {
  return [
    cancelMark(item),
    item.roll && say("page.console.mark_roll"),
    view.unprinted.includes(item.ticket) && say("page.console.mark_no_paper"),
    item.only && say("page.console.mark_only", { counter: item.only }),
    item.early && say("page.console.mark_early"),
    item.returned && say("page.console.mark_returned"),
    item.passed > 0 && say("page.console.mark_passed", { times: item.passed }),
    item.undo && say("page.console.mark_changed"),
    ...needsOf(item),
  ].filter(Boolean);
}

export function showMarks(node, marks) {
  const key = marks.join("|");
  if (node.dataset.shown === key) return;
  node.dataset.shown = key;
  fill(node, marks.map((mark) => el("span", { class: "mark" }, mark)));
}
