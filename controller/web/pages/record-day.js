// The report of a day on A4: figures, peaks, what the controller has noted, what people have entered, the signature.

import { askAgain, clock, date, el, fill, page, put, say } from "./common.js";
import { number } from "./today_charts.js";
import { aboutDay, hours, percent, reasonOf, table } from "./today_sheet.js";

const AGAIN = 60000; // ms after which the day is asked for again
const SMALLEST = 0.7; // of the usual type; what does not fit on a page even so goes on to the next
const PEAKS = {
  waiting: "page.record_day.waiting", longest: "page.record_day.longest", busiest: "page.record_day.busiest",
};

const asked = new URLSearchParams(location.search).get("day") ?? "";
const main = document.getElementById("main");
const nothing = el("p", { class: "notice", role: "status", hidden: true });
const sheet = el("article", { class: "sheet" });
const figures = el("a", { href: "/today", "data-reads": true }, say("page.record_day.figures"));

main.append(
  el("header", { class: "top" },
    el("a", { href: "/record#logbook", "data-reads": true }, say("page.record_day.back")), figures,
    el("button", { type: "button", class: "main", "data-reads": true, onclick: () => print() }, say("page.record_day.print"))),
  nothing,
  el("div", { class: "frame", tabindex: "0", role: "region", "aria-label": say("page.title.record-day") }, sheet));

let drawn = "";

const nameOf = (by) => by.replace(/^user\//, "");
const daytime = (second) => `${Math.floor(second / 3600)}:${String(Math.floor((second % 3600) / 60)).padStart(2, "0")}`;
const short = (day) => date(day, { month: "numeric", day: "numeric" });

/** A list below a heading; nothing, if there is nothing to list. */
const block = (name, title, lines) => lines.length > 0
  && el("section", { class: `block ${name}` }, el("h3", {}, title), el("ul", {}, lines.map((line) => el("li", {}, line))));

const timed = (at, ...rest) => [el("span", { class: "time number" }, at ? clock(at) : ""), el("span", {}, ...rest.flat())];

function draw(view) {
  const shown = JSON.stringify(view);
  if (shown === drawn) return;
  drawn = shown;
  nothing.hidden = true;
  figures.href = `/today?day=${view.day}#sheet`;
  const { sheet: day, words: remarks } = view;
  const customers = day.day.customers;
  const facts = [
    [say("page.today.tickets"), day.tickets],
    [say("page.today.mean"), customers ? say("page.today.minutes", { minutes: number(day.day.mean) }) : "—"],
    [say("page.today.p90"), customers ? say("page.today.minutes", { minutes: number(day.day.p90) }) : "—"],
    [say("page.today.above", { minutes: number(view.target) }), customers ? percent(day.day.above_target) : "—"],
    [say("page.today.missed"), day.missed], [say("page.today.gave_up"), day.gave_up],
    [view.over ? say("page.today.unserved") : say("page.today.still_here"), day.left],
  ];
  const textOf = (cause) => (cause ? remarks[cause] ?? say("page.record_day.purged") : "");
  const peaks = Object.entries(PEAKS).filter(([kind]) => view.peaks[kind]).map(([kind, words]) => {
    const { at, ...about } = view.peaks[kind];
    return timed(at, say(words, about));
  });
  const pauses = view.pauses.map((each) => say("page.record_day.paused", each));
  fill(sheet,
    el("header", {},
      el("h2", {}, say("page.record_day.title", { branch: view.branch })),
      el("p", {}, [aboutDay(view), say("page.record_day.doors", {
        spans: view.doors.map(([from, to]) => `${daytime(from)}–${daytime(to)}`).join(" "),
      })].join(" · "))),
    el("dl", { class: "facts" }, facts.map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", { class: "number" }, String(value))))),
    el("div", { class: "beside" },
      table("counters", say("page.today.counters"),
        [say("page.today.counter"), say("page.today.hours_open"), say("page.today.hours_paused"), say("page.today.finished")],
        day.counters.map((each) => [each.id, hours(each.open), hours(each.paused), each.finished])),
      el("div", { class: "stack" },
        block("peaks", say("page.record_day.peaks"), peaks),
        block("pauses", say("page.record_day.pauses"), pauses),
        day.grants.length > 0 && table("grants", say("page.today.grants"),
          [say("page.today.class"), say("page.today.reason"), say("page.today.times")],
          day.grants.map((each) => [each.name, reasonOf(each.reason), each.count])))),
    el("div", { class: "noted" }, view.drafted.map(({ name, heading, lines }) => block(`drafted ${name}`, heading,
      lines.map((line) => timed(line.at <= view.until ? line.at : 0, [line.text, textOf(line.words)].filter(Boolean).join(" · ")))))),
    el("section", { class: "block entries" }, el("h3", {}, say("page.record_day.entries")),
      view.entries.length
        ? el("ul", {}, view.entries.map((each) => el("li", { class: each.struck ? "struck" : "" }, timed(each.at, entry(each, textOf)))))
        : el("p", { class: "soft" }, say("page.record_day.no_entries")),
      view.private > 0 && el("p", { class: "soft" }, say("page.record_day.private", { count: view.private }))),
    el("section", { class: "block todo" }, el("h3", {}, say("page.record_day.todo", { day: short(view.next) })),
      view.todo.length
        ? el("ul", {}, view.todo.map((each) => el("li", {}, el("span", { class: "box", "aria-hidden": "true" }),
          el("span", {}, [
            [each.name, each.entry].filter(Boolean).join(" "), textOf(each.words), each.whom,
            each.day < view.next && say("page.record_day.from", { day: short(each.day) }),
          ].filter(Boolean).join(" · ")))))
        : el("p", { class: "soft" }, say("page.record_day.nothing_to_do")),
      view.later > 0 && el("p", { class: "soft" }, say("page.record_day.later", { count: view.later }))),
    el("footer", {},
      el("p", {}, view.signed
        ? [say("page.record_day.signed", { by: nameOf(view.signed.by), time: clock(view.signed.at) }),
          view.signed.left_open ? say("page.record_day.left_open", { count: view.signed.left_open }) : ""].join("")
        : say("page.record_day.not_signed")),
      el("p", { class: "signature" }, [
        say("page.record_day.sign_manager"), say("page.record_day.sign_head"), say("page.record_day.sign_date"),
      ].map((who) => el("span", {}, who)))));
  fit();
}

function entry(each, textOf) {
  const said = [each.addendum && say("page.record_day.addendum"), textOf(each.words)].filter(Boolean).join(" · ");
  return [el("strong", {}, each.name), said && ` · ${said} `, " ", el("span", { class: "soft" }, `${each.id} ${nameOf(each.by)}`)];
}

/** Make the type as large as fits on a page. */
function fit() {
  let size = 1;
  sheet.classList.remove("long");
  sheet.style.setProperty("--size", "1");
  while (size > SMALLEST && sheet.scrollHeight > sheet.clientHeight) {
    size -= 0.03;
    sheet.style.setProperty("--size", String(size));
  }
  sheet.classList.toggle("long", sheet.scrollHeight > sheet.clientHeight);
}

askAgain(`/api/record/day${asked ? `?day=${encodeURIComponent(asked)}` : ""}`, AGAIN, draw, (text) => {
  nothing.hidden = false;
  put(nothing, text);
});
