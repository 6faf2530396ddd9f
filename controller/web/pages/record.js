// The day's record, for the lobby manager: one section an item, each in a module of its own.

import { bar, el, fill, now, page, press, put, say, toast, watch } from "./common.js";
import { cards } from "./record_cards.js";
import { checks } from "./record_checks.js";
import { complaints } from "./record_complaints.js";
import { duty } from "./record_duty.js";
import { logbook } from "./record_logbook.js";
import { reminders } from "./record_reminders.js";
import { repairs } from "./record_repairs.js";
import { satisfaction } from "./record_satisfaction.js";

/** Each has `name`, and `draw(view, tools)`, which gives what stands below its heading. */
const SECTIONS = [checks, repairs, reminders, duty, complaints, cards, satisfaction, logbook];

const main = document.getElementById("main");
const title = el("strong", { class: "branch" }, page.branch);
const tabs = el("nav", { class: "tabs", "aria-label": say("page.title.record") });
const holders = new Map(SECTIONS.map(({ name }) => [name, el("section", {
  id: name, tabindex: "-1", "aria-labelledby": `title-${name}`,
})]));

main.append(
  el("header", { class: "top" },
    el("a", { href: "/console", "data-reads": true }, say("page.record.back")), title,
    el("span", { class: "soft" }, say("page.title.record"))),
  tabs, el("div", { class: "sections" }, [...holders.values()]));
fill(tabs, SECTIONS.map(({ name }) => el("a", { href: `#${name}`, "data-reads": true }, say(`page.record.${name}`))));

let drawn = {};
let last; // the newest picture

/** What sections use: a press of one of the record's keys, and the words that belong to a row. */
const toolsOf = (view) => ({
  words: (cause) => view.words[cause] ?? "",
  async act(key, fields = {}, button = null) {
    button?.setAttribute("aria-busy", "true");
    const answer = await press("/api/record", { key, ...fields });
    button?.removeAttribute("aria-busy");
    setTimeout(() => show(last)); // the new picture may have come while the form was still being worked with
    return answer.result === "ok";
  },
  refuse: (text) => toast(text, true),
  now,
});

function show(view) {
  last = view;
  for (const section of SECTIONS) {
    holders.get(section.name).hidden = !(section.name in view); // an item that went wrong, which is in the log
    if (!(section.name in view)) continue;
    const [holder, content] = [holders.get(section.name), JSON.stringify([view[section.name], view.words])];
    if (drawn[section.name] === content || holder.contains(document.activeElement?.closest("form.dirty"))) continue;
    drawn[section.name] = content;
    const focused = document.activeElement?.dataset?.focus;
    fill(holder, el("h2", { id: `title-${section.name}` }, say(`page.record.${section.name}`)),
      section.draw(view, toolsOf(view)));
    if (focused) holder.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  put(title, page.branch);
}

watch("/api/record/live", show, { stale: bar });
