// The lobby manager's console: the whole hall at a glance, and everything she can do about it in two taps.

import { ask, bar, clock, el, now, page, put, say, watch } from "./common.js";
import { alarm } from "./console_alarm.js";
import { awayPart } from "./console_away.js";
import { advice, counters } from "./console_counters.js";
import { sendAll } from "./console_deeds.js";
import { devices, nothingRecent, recent } from "./console_devices.js";
import { emergency } from "./console_emergency.js";
import { faults } from "./console_faults.js";
import { addPart, goOn, main, show, view } from "./console_hall.js";
import { posted } from "./console_notices.js";
import { queuePart } from "./console_queue.js";
import { reminders } from "./console_reminders.js";
import { figures } from "./console_today.js";

const time = el("time", { class: "clock number" });
const branch = el("strong", { class: "branch" }, page.branch);
const signOut = el("button", { type: "button", class: "quiet", onclick: leave }, say("page.console.sign_out"));

// Parts in which nothing can be pressed are walked to by themselves, or the keyboard could not scroll them.
const titled = (name, title, ...children) =>
  el("section", {
    class: `part ${name}`, id: `part-${name}`, "aria-labelledby": `title-${name}`,
    tabindex: name === "log" || name === "health" ? "0" : null,
  }, el("h2", { id: `title-${name}` }, title), children.flat());

main.append(
  el("header", { class: "top" },
    branch, time, figures, el("span", { class: "sheets" }, emergency, posted,
      el("a", { class: "to-record", href: "/record", "data-reads": true }, say("page.title.record"))),
    el("span", { class: "who soft" }, page.account?.name ?? ""), alarm, signOut),
  el("div", { class: "live", role: "status", "aria-label": say("page.console.notices") }, faults),
  el("div", { class: "live", role: "status", "aria-label": say("page.console.advice") }, advice),
  reminders,
  el("div", { class: "columns" },
    titled("waiting", say("page.console.waiting"), queuePart),
    el("div", { class: "side" },
      titled("counters", say("page.console.counters"), counters),
      titled("away", say("page.console.away"), awayPart),
      titled("log", say("page.console.recent"), recent, nothingRecent),
      titled("health", say("page.console.devices"), devices))),
);

// On a phone one part is seen at a time.
const tabs = ["waiting", "counters", "away", "log"];
const tabNames = {
  waiting: say("page.console.waiting"), counters: say("page.console.counters"),
  away: say("page.console.missed"), log: say("page.console.tab_log"),
};
const tabCounts = Object.fromEntries(tabs.map((tab) => [tab, el("span", { class: "count number" })]));
const tabButtons = Object.fromEntries(tabs.map((tab) => [
  tab, el("button", { type: "button", "data-reads": true, onclick: () => turnTo(tab) }, tabNames[tab], tabCounts[tab]),
]));
main.append(el("nav", { class: "tabs", "aria-label": say("page.console.tabs") }, Object.values(tabButtons)));
turnTo("waiting");

function turnTo(tab) {
  main.dataset.tab = tab;
  for (const [name, button] of Object.entries(tabButtons)) {
    if (name === tab) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

async function leave() {
  signOut.disabled = true;
  await sendAll();
  await ask("DELETE", "/api/session");
  location.assign("/sign-in");
}

addPart({
  refresh() {
    put(time, clock(now()));
    put(branch, view.branch);
    const total = view.services.reduce((sum, service) => sum + service.waiting, 0);
    put(tabCounts.waiting, String(total));
    put(tabCounts.away, String(view.missed.length + view.held.length || ""));
  },
});

setInterval(goOn, 5000);

watch("/api/console/live", show, { stale: bar });
