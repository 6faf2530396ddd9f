// The day in pictures, for the lobby manager, and the day sheet: the same page, printed.

import { askAgain, el, fill, page, put, say } from "./common.js";
import { chart, largest, number } from "./today_charts.js";
import { aboutDay, drawSheet, percent, shortDate } from "./today_sheet.js";

const AGAIN = 20000; // ms after which the day is asked for again
const WAITS = { mean: "page.today.mean", median: "page.today.median", p90: "page.today.p90" };

const asked = new URLSearchParams(location.search).get("day") ?? "";
const main = document.getElementById("main");
const title = el("strong", { class: "branch" }, page.branch);
const about = el("span", { class: "soft" });
const figures = el("dl", { class: "facts" });
const filter = el("div", { class: "filter", role: "group", "aria-label": say("page.today.by_service") });
const legend = el("ul", { class: "legend" });
const charts = el("div", { class: "charts" });
const reports = { week: el("a", { download: "" }, say("page.today.week_report")), month: el("a", { download: "" }, say("page.today.month_report")) };
const nothing = el("p", { class: "notice", role: "status", hidden: true });
const sheet = el("article", { class: "sheet" });
const frame = el("div", {
  class: "frame", tabindex: "0", role: "region", "aria-label": say("page.today.sheet"),
}, sheet);
const turn = (name, text) => el("button", { type: "button", "data-reads": true, onclick: () => turnTo(name) }, text);
const turns = {
  charts: turn("charts", say("page.today.pictures")), sheet: turn("sheet", say("page.today.sheet")),
};

main.append(
  el("header", { class: "top" },
    el("a", { href: "/console", "data-reads": true }, say("page.today.back")), title, about,
    el("div", { class: "turns", role: "group", "aria-label": say("page.today.views") }, Object.values(turns)),
    el("span", { class: "reports" }, Object.values(reports)),
    el("button", { type: "button", class: "main", "data-reads": true, onclick: () => print() },
      say("page.today.print"))),
  nothing,
  el("div", { class: "pictures" }, figures, filter, legend, charts),
  frame);

let view;
let drawn = "";
let service = "";
turnTo(location.hash === "#sheet" ? "sheet" : "charts");

function turnTo(name) {
  main.dataset.view = name;
  for (const [each, button] of Object.entries(turns)) button.setAttribute("aria-pressed", String(each === name));
  history.replaceState(null, "", name === "sheet" ? "#sheet" : location.pathname + location.search);
}

/** What the three lines of a chart are called. */
function namesOf() {
  const yesterday = new Date(Date.parse(view.day) - 86400000).toISOString().slice(0, 10);
  return {
    today: view.over ? shortDate(view.day) : say("page.today.today"),
    before: view.before === yesterday && !view.over
      ? say("page.today.yesterday") : say("page.today.day_before", { day: shortDate(view.before) }),
    usual: say("page.today.usual", { days: view.usual.length }),
  };
}

/** The five charts of a service; all that are in minutes have one scale. */
function chartsOf(chosen, kinds) {
  const series = view.series[chosen];
  const lines = (name) => ({
    today: series.today[name], before: series.before?.[name], usual: series.usual?.[name],
  });
  const target = { value: view.target, name: say("page.today.target", { minutes: number(view.target) }) };
  const minutes = largest(lines("median"), lines("p90"));
  const each = {
    arrivals: ["page.today.arrivals", "page.today.arrivals_unit", "bars"],
    median: ["page.today.median", "page.today.median_unit", "line", { most: minutes, mark: target }],
    p90: ["page.today.p90", "page.today.p90_unit", "line", { most: minutes, mark: target }],
    waiting: ["page.today.waiting", "page.today.waiting_unit", "end"],
    open: ["page.today.open", chosen ? "page.today.open_unit_service" : "page.today.open_unit", "level"],
  };
  return kinds.map((name) => {
    const [words, unit, kind, more = {}] = each[name];
    return chart({
      name, title: say(words), unit: say(unit), lines: lines(name), kind, day: view, names: namesOf(), ...more,
    });
  });
}

function draw() {
  const shown = JSON.stringify([view, service]);
  put(title, view.branch);
  put(about, aboutDay(view));
  reports.week.href = `/api/report?kind=week&when=${view.day}`;
  reports.month.href = `/api/report?kind=month&when=${view.day.slice(0, 7)}`;
  if (shown === drawn) return;
  drawn = shown;
  const day = view.sheet.day;
  nothing.hidden = view.sheet.tickets > 0;
  put(nothing, nothing.hidden ? "" : say("page.today.nothing"));
  fill(figures, [
    [say("page.today.tickets"), String(view.sheet.tickets)],
    ...["mean", "median", "p90"].map((name) =>
      [say(WAITS[name]), day.customers ? say("page.today.minutes", { minutes: number(day[name]) }) : "—"]),
    [say("page.today.above", { minutes: number(view.target) }), day.customers ? percent(day.above_target) : "—"],
  ].map(([name, value]) => el("div", {}, el("dt", { class: "soft" }, name), el("dd", { class: "number" }, value))));
  const focused = document.activeElement?.closest(".filter button")?.dataset.service;
  fill(filter, [{ id: "", name: say("page.today.all") }, ...view.services].map(({ id, name }) => el("button", {
    type: "button", "data-service": id, "data-reads": true, "aria-pressed": String(id === service),
    onclick: () => choose(id),
  }, name)));
  if (focused !== undefined) filter.querySelector(`[data-service="${CSS.escape(focused)}"]`)?.focus();
  const unfolded = [...charts.querySelectorAll("[data-chart]:has(details[open])")];
  const open = new Set(unfolded.map((each) => each.dataset.chart));
  fill(legend, legendOf());
  fill(charts, chartsOf(service, ["arrivals", "median", "p90", "waiting", "open"]));
  for (const each of charts.children) each.querySelector("details").open = open.has(each.dataset.chart);
  drawSheet(sheet, view, chartsOf("", ["arrivals", "median", "waiting", "open"]), legendOf());
}

/** Which line is which, and what there is nothing to compare with. */
function legendOf() {
  const names = namesOf();
  const entry = (line, text) => el("li", { class: line }, el("span", { class: "key", "aria-hidden": "true" }), text);
  return [
    entry("today", names.today),
    view.before ? entry("before", names.before) : el("li", {}, say("page.today.no_before")),
    view.usual.length ? entry("usual", names.usual) : el("li", {}, say("page.today.no_usual")),
  ];
}

function choose(id) {
  service = id;
  draw();
}

askAgain(`/api/today${asked ? `?day=${encodeURIComponent(asked)}` : ""}`, AGAIN, (answer) => {
  view = answer;
  draw();
}, (text) => {
  nothing.hidden = false;
  put(nothing, text);
});
