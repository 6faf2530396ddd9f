// What is to be done today, and what was to be done before; each until she says that it is done.

import { date, el, press, put, say } from "./common.js";
import { addPart, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";

const MOST = 3; // the others are a tap away

const list = el("ul", { class: "reminders", "aria-label": say("page.console.reminders") });
const more = el("a", { href: "/record#reminders", "data-reads": true, class: "soft" });
export const reminders = el("div", { class: "reminders" }, list, more);

const showAll = keyed(list, (each) => each.id, (item) => {
  const name = el("strong");
  const text = el("span");
  const whom = el("small", { class: "soft" });
  const done = el("button", {
    type: "button", class: "quiet",
    async onclick() {
      done.disabled = true;
      await press("/api/record", { key: "DONE", reminder: item.id });
      done.disabled = false;
    },
  }, say("page.console.reminder_done"));
  const node = el("li", {}, el("span", { class: "text" }, name, " ", text, " ", whom), done);
  return {
    node,
    show(each) {
      const words = each.words && (view.reminders_words[each.words] ?? "");
      put(name, each.entry ? `${each.name} ${each.entry}` : each.name);
      put(text, words);
      put(whom, [each.id, each.whom, each.state === "overdue" && say("page.console.reminder_overdue", {
        day: date(each.day, { month: "numeric", day: "numeric" }),
      })].filter(Boolean).join(" · "));
      done.setAttribute("aria-label", `${say("page.console.reminder_done")} ${each.id}`);
      node.className = each.state;
    },
  };
});

addPart({
  arrange() {
    showAll(view.reminders.slice(0, MOST));
    reminders.hidden = !view.reminders.length;
    const others = view.reminders.length - MOST;
    put(more, others > 0 ? `${say("page.console.reminders_more")} (+${others})` : "");
    more.hidden = others <= 0;
  },
});
