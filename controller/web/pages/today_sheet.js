// The day sheet: the day in figures on one page of A4, to be signed and filed. No person is named on it.

import { clock, date, el, fill, page, say } from "./common.js";
import { number } from "./today_charts.js";

const FELT = 3; // minutes from which a wait is felt as longer than it is
const KINDS = {
  normal: "page.console.day_normal",
  busy: "page.console.day_busy",
  pension: "page.console.day_pension",
};
const SMALLEST = 0.4; // of the sheet's usual type: what does not fit then cannot be read either

export const percent = (part) => say("page.today.percent", { share: Math.round(part * 100) });

/** What kind of day it is, as the branch plans for it. */
const kindOf = ({ kind }) => (KINDS[kind] ? say(KINDS[kind]) : say("page.console.day_own", { profile: kind }));

const longDate = (day) => date(day, { year: "numeric", month: "long", day: "numeric", weekday: "long" });
export const shortDate = (day) => (day ? date(day, { month: "numeric", day: "numeric" }) : "");

/** Which day it is, of what kind, and until when it is told. */
export const aboutDay = (view) =>
  [longDate(view.day), kindOf(view), view.over ? "" : say("page.today.until", { time: clock(view.until) })]
    .filter(Boolean).join(" · ");

/** Hours and minutes. */
export const hours = (minutes) => `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;

export function table(name, title, head, rows, foot) {
  const cells = (row) => row.map((content, at) =>
    at ? el("td", { class: "number" }, String(content)) : el("th", { scope: "row" }, content));
  return el("table", { class: name },
    el("caption", {}, title),
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))),
    foot && el("tfoot", {}, el("tr", {}, cells(foot))));
}

/** How long some customers waited: a row's last cells. */
const waits = (of) =>
  of.customers ? [number(of.mean), number(of.median), number(of.p90), percent(of.above_3), percent(of.above_target)]
    : ["—", "—", "—", "—", "—"];

/** The first half of a hash, so that it can be read from paper and typed. */
const groups = (hash) => hash.slice(0, 32).match(/.{4}/g).join(" ");

/** A reason in words; a code of the branch's own as it is. */
export function reasonOf(code) {
  if (!code) return say("page.today.reason_none");
  if (code === "remark") return say("page.today.reason_remark");
  return `reason.${code}` in page.words ? say(`reason.${code}`) : code;
}

/** Draw the sheet, its type so large that it fits on its page. */
export function drawSheet(sheet, view, charts, legend) {
  const { sheet: day } = view;
  const target = number(view.target);
  const heads = [
    say("page.today.mean_short"), say("page.today.median_short"), say("page.today.p90_short"),
    say("page.today.above_short", { minutes: FELT }), say("page.today.above_short", { minutes: target }),
  ];
  const facts = [
    [say("page.today.tickets"), day.tickets], [say("page.today.missed"), day.missed],
    [say("page.today.returned"), day.returned], [say("page.today.gave_up"), day.gave_up],
    [view.over ? say("page.today.unserved") : say("page.today.still_here"), day.left],
  ];
  fill(sheet,
    el("header", {},
      el("h2", {}, say("page.today.sheet_of", { branch: view.branch })),
      el("p", {}, aboutDay(view))),
    el("dl", { class: "facts" }, facts.map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", { class: "number" }, String(value))))),
    table("services", say("page.today.services"),
      [say("page.today.service"), ...day.classes.map(({ name }) => name), say("page.today.sum"), ...heads],
      day.services.map((each) =>
        [each.name, ...day.classes.map(({ id }) => each.classes[id] || "·"), each.tickets, ...waits(each)]),
      [say("page.today.sum"), ...day.classes.map(({ tickets }) => tickets), day.tickets, ...waits(day.day)]),
    day.classes.length > 0 && table("classes", say("page.today.classes"), [say("page.today.class"), say("page.today.tickets"), ...heads],
      day.classes.map((each) => [each.name, each.tickets, ...waits(each)])),
    el("div", { class: "beside" },
      table("counters", say("page.today.counters"),
        [
          say("page.today.counter"), say("page.today.hours_open"), say("page.today.hours_paused"),
          say("page.today.finished"),
        ],
        day.counters.map((each) => [each.id, hours(each.open), hours(each.paused), each.finished])),
      day.grants.length
        ? table("grants", say("page.today.grants"),
          [say("page.today.class"), say("page.today.reason"), say("page.today.times")],
          day.grants.map((each) => [each.name, reasonOf(each.reason), each.count]))
        : el("p", { class: "grants soft" }, say("page.today.no_grants"))),
    el("div", { class: "charts" }, charts),
    el("ul", { class: "legend" }, legend),
    el("footer", {},
      el("p", { class: "soft" }, say("page.today.means")),
      view.anchor && el("p", { class: "soft anchor" },
        say("page.today.anchor", { row: view.anchor.row, hash: groups(view.anchor.hash) })),
      el("p", { class: "signature" },
        el("span", {}, say("page.today.signature")), el("span", {}, say("page.today.signed_on")))));
  for (const each of sheet.querySelectorAll("details")) each.remove(); // the tables are on the page already
  fit(sheet);
}

function fit(sheet) {
  let size = 1;
  sheet.style.setProperty("--size", String(size));
  while (size > SMALLEST && (sheet.scrollHeight > sheet.clientHeight || sheet.scrollWidth > sheet.clientWidth)) {
    size -= 0.04;
    sheet.style.setProperty("--size", String(size));
  }
}
