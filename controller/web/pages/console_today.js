// The day so far, in figures: a line in the page's head, and behind it what each class of customers did to the others.

import { el, fill, put, say } from "./common.js";
import { addPart, className, view } from "./console_hall.js";
import { sheet } from "./console_sheet.js";

const FELT = 3; // minutes from which a wait is felt as longer than it is
const DAYS = {
  normal: "page.console.day_normal",
  busy: "page.console.day_busy",
  pension: "page.console.day_pension",
};

const line = el("span");
export const figures = el("button", {
  type: "button", class: "figures", "data-reads": true, "aria-haspopup": "dialog", onclick: open,
}, line, el("span", { class: "more-figures" }, say("page.console.today")));

addPart({ refresh: () => put(line, summary(view.figures)) });

const percent = (part) => say("page.console.percent", { share: Math.round(part * 100) });
const inMinutes = (number) => say("page.console.waited", { minutes: number.toFixed(1) });

function summary(day) {
  if (day.customers === undefined) return ""; // right after a start nothing has been counted yet
  if (!day.customers) return say("page.console.no_figures");
  return say("page.console.figures", {
    customers: day.customers, mean: day.mean.toFixed(1), target: day.target, share: Math.round(day.above_target * 100),
  });
}

/** What kind of day it is, as the branch plans for it. */
function kindOf({ profile }) {
  if (!profile) return "";
  return DAYS[profile] ? say(DAYS[profile]) : say("page.console.day_own", { profile });
}

function open() {
  if (!view) return;
  sheet.open("today", { ticket: "" }, say("page.console.today"), figures);
  let drawn = "";
  sheet.keep(() => {
    const shown = JSON.stringify([view.figures, view.self_service]);
    if (shown === drawn) return;
    drawn = shown;
    put(sheet.about, kindOf(view.figures));
    fill(sheet.body, view.figures.customers ? waits(view.figures) : el("p", { class: "why-text" }, say("page.console.no_figures")),
      view.figures.customers > 0 && byClass(view.figures.classes), machines(view.self_service),
      el("p", {}, el("a", { href: "/today", "data-reads": true }, say("page.console.pictures"))));
  });
}

function waits(day) {
  const facts = [
    [say("page.console.customers"), String(day.customers)],
    [say("page.console.mean_wait"), inMinutes(day.mean)],
    [say("page.console.most_wait"), inMinutes(day.p95)],
    [say("page.console.above", { minutes: FELT }), percent(day.above_3)],
    day.target !== FELT && [say("page.console.above_target", { minutes: day.target }), percent(day.above_target)],
  ].filter(Boolean);
  return el("section", { class: "group" },
    el("dl", { class: "facts" }, facts.map(([name, value]) =>
      el("div", {}, el("dt", { class: "soft" }, name), el("dd", { class: "number" }, value)))),
    el("p", { class: "soft" }, say("page.console.waiting_too")));
}

const column = (text) => el("th", { scope: "col" }, text);
const number = (...content) => el("td", { class: "number" }, content.flat());
const table = (title, head, rows) =>
  el("div", { class: "why-table" }, el("table", { class: "day-table" },
    el("caption", {}, title), el("thead", {}, el("tr", {}, head.map(column))), el("tbody", {}, rows)));

/** Each class's share, how long it waited, and whom its calls passed; in the order of the branch's classes. */
function byClass(classes) {
  const order = view.classes.map(({ id }) => id);
  const rows = Object.entries(classes).sort(([one], [other]) => order.indexOf(one) - order.indexOf(other));
  return el("section", { class: "group by-class" },
    table(say("page.console.by_class"), [
      say("page.console.why_class"), say("page.console.customers"), say("page.console.share"),
      say("page.console.mean_wait"), say("page.console.passed"),
    ], rows.map(([id, about]) => el("tr", {},
      el("th", { scope: "row" }, className(id)), number(String(about.customers)), number(percent(about.share)),
      number(inMinutes(about.mean)),
      number(about.passed
        ? [String(about.passed), el("small", {}, say("page.console.passed_by", {
          mean: about.passed_by_mean.toFixed(1), most: about.passed_by_max.toFixed(1),
        }))]
        : "—")))),
    el("p", { class: "soft" }, say("page.console.passed_means")));
}

/** Whom the triage sent to a machine, by what they had come for. */
function machines(choices) {
  return el("section", { class: "group" }, choices.length
    ? table(say("page.console.machines"), [
      say("page.console.came_for"), say("page.console.advised"), say("page.console.insisted"),
    ], choices.map((choice) => el("tr", {},
      el("th", { scope: "row" }, choice.name), number(String(choice.advised)), number(String(choice.insisted)))))
    : [el("h3", {}, say("page.console.machines")), el("p", { class: "soft" }, say("page.console.no_machines"))]);
}
