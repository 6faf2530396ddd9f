// Check lists: one tap an item that is in order, one for all others, and a fault with its words.

import { clock, el, say } from "./common.js";

/** The item whose fault is being written down: {checklist, item}; only one at a time. */
let writing = null;

const STATES = {
  later: () => say("page.record.check_state_later"),
  open: () => say("page.record.check_state_open"),
  late: () => say("page.record.check_state_late"),
  done: () => say("page.record.check_state_done"),
};
const MARKS = { late: "bad", done: "good" };

export const checks = {
  name: "checks",
  draw(view, { act, words }) {
    const { configured, lists } = view.checks;
    if (!lists.length) return el("p", { class: "soft" }, say(configured ? "page.record.closed_today" : "page.record.no_checklists"));
    return el("div", { class: "checklists" }, lists.map((each) => card(each)));

    function card(list) {
      const mark = el("span", { class: `mark ${MARKS[list.state] ?? ""}` }, STATES[list.state]());
      const canRest = list.state !== "later" && list.items.some((item) => !item.result && !item.trouble);
      const rest = canRest && el("button", {
        type: "button", class: "main rest", "data-focus": `rest-${list.id}`,
        onclick: () => act("CHECK", { checklist: list.id }, rest),
      }, say("page.record.check_rest"));
      return el("article", { class: `card checklist ${list.state === "late" ? "overdue" : list.state === "done" ? "works" : ""}`, "data-checklist": list.id },
        el("div", {}, el("strong", {}, list.name), " ",
          el("span", { class: "soft" }, `${clock(list.begins)}–${clock(list.ends)}`), mark,
          list.left > 0 && list.state !== "later" && el("span", { class: "soft left" }, ` ${say("page.record.check_left", { left: list.left })}`)),
        el("ul", { class: "items" }, list.items.map((item) => row(list, item))),
        canRest && el("div", { class: "buttons" }, rest));
    }

    function row(list, item) {
      const open = !item.result && list.state !== "later";
      const told = [
        item.result === "ok" ? say("page.record.check_ok") : item.result ? say("page.record.check_fault") : say("page.record.check_open"),
        item.result && `${clock(item.at)} ${item.by}`,
        item.trouble,
        item.repair && say("page.record.check_repair", { repair: item.repair }),
        words(item.words),
      ].filter(Boolean).join(" · ");
      const name = [el("span", { class: "box", "aria-hidden": "true" }, item.result === "ok" ? "✓" : item.result ? "!" : ""),
        el("span", { class: "what" }, el("strong", {}, item.name), el("span", { class: "soft" }, told))];
      const tick = open && !item.trouble
        ? el("button", {
          type: "button", class: "tick", "data-focus": `tick-${list.id}-${item.id}`,
          onclick: () => act("CHECK", { checklist: list.id, items: item.id }, tick),
        }, name)
        : el("div", { class: "tick" }, name);
      const isWritten = writing && writing.checklist === list.id && writing.item === item.id;
      const more = open ? fault(list, item) : item.result && change(list, item);
      return el("li", { class: `item ${item.result || (item.trouble ? "trouble" : "open")}`, "data-item": item.id },
        tick, more, isWritten && open && form(list, item));
    }

    function fault(list, item) {
      return el("button", {
        type: "button", class: "stop", "data-focus": `fault-${list.id}-${item.id}`,
        onclick(event) {
          document.querySelector("form.fault")?.remove();
          writing = { checklist: list.id, item: item.id };
          const made = form(list, item);
          event.target.closest("li").append(made);
          made.querySelector("input").focus();
        },
      }, say("page.record.check_fault"));
    }

    function change(list, item) {
      const made = el("button", {
        type: "button", class: "change", "data-focus": `change-${list.id}-${item.id}`,
        onclick: () => act("CHECK", { checklist: list.id, items: item.id, result: "open" }, made),
      }, say("page.record.check_change"));
      return made;
    }

    function form(list, item) {
      const about = el("input", {
        name: "words", maxLength: 120, "data-focus": "check-words", placeholder: say("page.record.words"),
        "aria-label": say("page.record.words"), autocomplete: "off",
      });
      const send = el("button", { type: "submit", class: "main", "data-focus": "check-send" }, say("page.record.check_send"));
      const close = () => {
        writing = null;
        made.remove();
      };
      const made = el("form", {
        class: "row fault",
        oninput: () => made.classList.add("dirty"),
        async onsubmit(event) {
          event.preventDefault();
          if (await act("CHECK", { checklist: list.id, items: item.id, result: "fault", words: about.value }, send)) close();
        },
      }, about, send, el("button", { type: "button", onclick: close }, say("page.record.check_cancel")));
      return made;
    }
  },
};
