// Duty: who was where today, drawn and as a table; lobby duty, and what was handed over.

import { clock, el, now, page, say } from "./common.js";
import { when } from "./record_times.js";

const WIDTH = 1000, ROW = 34, LEFT = 92, TOP = 22, RIGHT = 24;
const HOUR = 3600000;

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children.flat().filter(Boolean));
  return made;
}

const placeName = (counter) => (counter ? say("page.record.duty_counter", { counter }) : say("page.record.duty_lobby"));
const clerkName = (alias) => alias || say("page.record.duty_nobody");
const DOES = {
  open: () => say("page.record.duty_open"),
  paused: () => say("page.record.duty_paused"),
  here: () => say("page.record.duty_here"),
};

export const duty = {
  name: "duty",
  draw(view, { act, words }) {
    const shown = view.duty;
    return [
      el("p", { class: "on-duty" }, shown.on_duty.length
        ? say("page.record.duty_now", { clerks: shown.on_duty.join(page.language === "zh" ? "、" : ", ") })
        : say("page.record.duty_now_nobody")),
      shown.clerks.length ? form(shown) : el("p", { class: "soft" }, say("page.record.duty_no_clerks")),
      ...(shown.places.length ? [chart(shown), table(shown)] : [el("p", { class: "soft" }, say("page.record.duty_none"))]),
      shown.notes.length > 0 && notes(shown.notes),
    ].filter(Boolean);

    function form({ clerks, on_duty }) {
      const pick = (name, text, options) => el("select", { name, "data-focus": `duty-${name}`, "aria-label": text }, el("option", { value: "" }, text), options.map((each) => el("option", { value: each }, each)));
      const who = pick("clerk", say("page.record.duty_who"), clerks.filter((each) => !on_duty.includes(each)));
      who.required = true;
      const relieves = on_duty.length > 0 && pick("relieves", say("page.record.duty_relieves_nobody"), on_duty);
      if (relieves) relieves.setAttribute("aria-label", say("page.record.duty_relieves"));
      if (relieves && on_duty.length === 1) relieves.value = on_duty[0];
      const about = el("input", {
        name: "words", maxLength: 120, "data-focus": "duty-words", placeholder: say("page.record.duty_words"),
        "aria-label": say("page.record.duty_words"), autocomplete: "off",
      });
      const send = el("button", { type: "submit", class: "main", "data-focus": "duty-send" },
        say(relieves ? "page.record.duty_take_over" : "page.record.duty_begin"));
      const done = () => made.classList.remove("dirty");
      const ends = on_duty.map((clerk) => {
        const end = el("button", {
          type: "button", "data-focus": `duty-end-${clerk}`,
          async onclick() {
            if (await act("ENDDUTY", { clerk, words: about.value }, end)) done();
          },
        }, `${say("page.record.duty_end")} ${clerk}`);
        return end;
      });
      const made = el("form", {
        class: "row",
        oninput: () => made.classList.add("dirty"),
        async onsubmit(event) {
          event.preventDefault();
          if (await act("DUTY", { clerk: who.value, relieves: relieves ? relieves.value : "", words: about.value }, send)) done();
        },
      }, who, relieves, about, send, ends);
      return made;
    }

    /** A row for each place: what it did, and who was there. */
    function chart({ hours, places }) {
      const all = places.flatMap(({ stretches }) => stretches);
      const first = Math.floor(Math.min(...all.map((each) => each.since), ...hours.slice(0, 1)) / HOUR) * HOUR;
      const last = Math.ceil(Math.max(...all.map((each) => each.until || each.since + 60000), ...hours.slice(1)) / HOUR) * HOUR;
      const until = Math.min(Math.max(now(), first), last);
      const x = (at) => LEFT + ((at - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
      const height = TOP + places.length * ROW + 4;
      const step = Math.max(1, Math.ceil((last - first) / HOUR / 14)) * HOUR;
      const ticks = [];
      for (let at = first; at <= last; at += step) {
        ticks.push(svg("line", { x1: x(at), x2: x(at), y1: TOP - 4, y2: height - 4 }),
          svg("text", { x: x(at), y: 12, "text-anchor": "middle" }, clock(at)));
      }
      const rows = places.map(({ counter, stretches }, n) => {
        const y = TOP + n * ROW;
        return svg("g", {}, svg("text", { x: 0, y: y + ROW / 2 + 4, class: "place" }, placeName(counter)),
          stretches.map((each) => {
            const [from, to] = [x(each.since), Math.max(x(each.since) + 2, x(each.until || Math.max(until, each.since)))];
            const told = `${clerkName(each.clerk)} ${clock(each.since)}–${each.until ? clock(each.until) : ""} ${each.reason || DOES[each.does]()}`;
            const name = to - from > 44 && each.clerk && each.does !== "paused";
            return svg("g", { class: each.does },
              svg("rect", { x: from, y: y + 4, width: to - from, height: ROW - 8, rx: 3 }, svg("title", {}, told)),
              name && svg("text", { x: from + 5, y: y + ROW / 2 + 4 }, each.clerk));
          }));
      });
      return el("figure", { class: "duty-chart" },
        el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": say("page.record.duty_chart") },
          svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": say("page.record.duty_chart") },
            svg("g", { class: "hours" }, ticks), rows)),
        el("figcaption", { class: "soft legend" }, Object.entries(DOES).map(([does, told]) => el("span", {}, el("i", { class: does }), told()))));
    }

    function table({ people }) {
      const minutes = ({ since, until }) => Math.max(0, Math.round(((until || now()) - since) / 60000));
      const span = (since, until) => `${clock(since)}–${until ? clock(until) : say("page.record.duty_until_now")}`;
      const head = ["duty_place", "duty_clerk", "duty_times", "duty_breaks", "duty_planned"];
      const told = {
        duty_place: say("page.record.duty_place"), duty_clerk: say("page.record.duty_clerk"),
        duty_times: say("page.record.duty_times"), duty_breaks: say("page.record.duty_breaks"),
        duty_planned: say("page.record.duty_planned"),
      };
      return el("table", { class: "duty-table" },
        el("thead", {}, el("tr", {}, head.map((key) => el("th", { scope: "col" }, told[key])))),
        el("tbody", {}, people.map((each) => el("tr", {},
          el("td", {}, [placeName(each.counter), ...each.profiles].join(" · ")),
          el("td", {}, clerkName(each.clerk)),
          el("td", {}, each.times.map(([since, until]) => el("div", {}, span(since, until)))),
          el("td", {}, each.breaks.map((stretch) => el("div", {}, [span(stretch.since, stretch.until), stretch.reason,
            stretch.until && say("page.record.duty_minutes", { minutes: minutes(stretch) })].filter(Boolean).join(" ")))),
          el("td", {}, each.planned)))));
    }

    function notes(all) {
      return el("div", { class: "handed-over" }, el("h3", {}, say("page.record.duty_notes")),
        el("ul", { class: "cards" }, all.map((note) => el("li", { class: `card ${note.removed ? "works" : ""}` },
          el("p", {}, words(note.words)),
          el("p", { class: "soft" }, [when(note.at, view.now), placeName(note.counter), note.by,
            note.removed && say("page.record.duty_removed")].filter(Boolean).join(" · "))))));
    }
  },
};
