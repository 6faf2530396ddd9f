// Charts of a day in steps, as SVG of our own: today's values before those of the day before and of days of its kind.

import { el, page, say } from "./common.js";

const WIDTH = 440, HEIGHT = 200, LEFT = 34, RIGHT = 8, TOP = 10, BOTTOM = 22;
const HOURS_NAMED = 7; // times that stand below a chart at most
const ORDER = ["usual", "before", "today"]; // what is drawn first is behind

/** An SVG element. */
function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children.flat().filter(Boolean));
  return made;
}

/** A time of day, from seconds since midnight. */
export const timeOf = (second) =>
  `${String(Math.floor(second / 3600) % 24).padStart(2, "0")}:${String(Math.floor(second / 60) % 60).padStart(2, "0")}`;

const isKnown = (value) => value !== null && value !== undefined;

/** A number as people read it: whole where it is. */
export const number = (value) =>
  isKnown(value) ? new Intl.NumberFormat(page.language, { maximumFractionDigits: 1 }).format(value) : "—";

/** The top of a scale for values up to `most`, and the distance of its lines: a round number. */
function scaleFor(most) {
  const rough = Math.max(most, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const gap = Math.max(1, [1, 2, power < 10 ? 5 : 2.5, 5, 10].find((times) => times * power >= rough) * power);
  return { top: Math.max(gap, Math.ceil(most / gap) * gap), gap };
}

/** The largest of all values of some lines. */
export const largest = (...lines) =>
  Math.max(0, ...lines.filter(Boolean).flatMap((line) => Object.values(line)).flatMap((values) => values ?? []));

/**
 * A chart with its table. `lines`: {today, before, usual}, each the values of all steps, or nothing; `kind`: how they
 * are drawn: "bars", "line" (a value in the middle of its step), "end" (at its end) or "level" (all through it).
 * `day` has `first` and `step` in seconds; `names` are those of the lines; `most`: the least top of the scale; `mark`:
 * a value to be compared with, and its name.
 */
export function chart({ name, title, unit, lines, kind, day, names, most = 0, mark }) {
  const count = lines.today.length;
  const { top, gap } = scaleFor(Math.max(most, largest(lines), mark ? mark.value * 1.2 : 0)); // its name is above it
  const x = (steps) => LEFT + (steps / Math.max(1, count)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const drawn = ORDER.filter((line) => lines[line]?.some(isKnown));
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title} (${unit})` },
    axes(day, count, x, y, top, gap),
    drawn.map((line) => svg("g", { class: line }, shape(lines[line], line, kind, x, y))),
    mark && svg("g", { class: "mark" },
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark.value), y2: y(mark.value) }),
      svg("text", { x: WIDTH - RIGHT, y: y(mark.value) - 3, "text-anchor": "end" }, mark.name)),
    hints(day, lines, names, drawn, x));
  return el("figure", { class: "chart", "data-chart": name },
    el("figcaption", {}, el("strong", {}, title), " ", el("span", { class: "soft" }, unit)),
    picture, table(title, unit, day, lines, names, drawn));
}

function axes(day, count, x, y, top, gap) {
  const parts = [];
  for (let value = 0; value <= top; value += gap) {
    parts.push(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, number(value)));
  }
  const perHour = 3600 / day.step;
  const hours = Math.max(1, Math.ceil(count / perHour / HOURS_NAMED));
  for (let step = 0; step <= count; step++) {
    const second = day.first + step * day.step;
    if (second % (hours * 3600)) continue;
    parts.push(svg("line", { class: "tick", x1: x(step), x2: x(step), y1: y(0), y2: y(0) + 4 }),
      svg("text", { x: Math.min(x(step), WIDTH - 16), y: HEIGHT - 5, "text-anchor": "middle" }, timeOf(second)));
  }
  return svg("g", { class: "axes", "aria-hidden": "true" }, parts);
}

function shape(values, line, kind, x, y) {
  if (kind === "bars" && line === "today")
    return values.map((value, step) => isKnown(value) && value > 0 && svg("rect", {
      x: x(step + 0.16), width: x(0.68) - x(0), y: y(value), height: y(0) - y(value),
    }));
  const flat = kind === "bars" || kind === "level";
  const place = kind === "end" ? 1 : 0.5;
  const runs = runsOf(values);
  return runs.flatMap((run) => {
    const points = flat
      ? run.flatMap(([step, value]) => [[x(step), y(value)], [x(step + 1), y(value)]])
      : run.map(([step, value]) => [x(step + place), y(value)]);
    const path = points.map(([left, up], at) => `${at ? "L" : "M"}${left.toFixed(1)} ${up.toFixed(1)}`).join("");
    const area = `${path}L${points.at(-1)[0].toFixed(1)} ${y(0)}L${points[0][0].toFixed(1)} ${y(0)}Z`;
    const single = !flat && (run.length === 1 || line === "today");
    return [
      line === "usual" && svg("path", { class: "area", d: area }),
      svg("path", { class: "line", d: path }),
      single && points.map(([left, up]) => svg("circle", { cx: left.toFixed(1), cy: up.toFixed(1), r: 2.6 })),
    ];
  }).flat();
}

/** The values that stand side by side, each with its step: a line has a gap where nothing is known. */
function runsOf(values) {
  const runs = [];
  values.forEach((value, step) => {
    if (!isKnown(value)) return;
    if (step > 0 && isKnown(values[step - 1])) runs.at(-1).push([step, value]);
    else runs.push([[step, value]]);
  });
  return runs;
}

const span = (day, step) => `${timeOf(day.first + step * day.step)}–${timeOf(day.first + (step + 1) * day.step)}`;

/** What a pointer reads above a step. */
function hints(day, lines, names, drawn, x) {
  return svg("g", { class: "hints", "aria-hidden": "true" }, lines.today.map((_, step) => {
    const values = [...drawn].reverse().map((line) => `${names[line]}: ${number(lines[line][step])}`);
    return svg("rect", { x: x(step), width: x(1) - x(0), y: TOP, height: HEIGHT - TOP - BOTTOM },
      svg("title", {}, [span(day, step), ...values].join("\n")));
  }));
}

/** The same as a table, for those who do not see the picture, or want the numbers. */
function table(title, unit, day, lines, names, drawn) {
  const columns = [...drawn].reverse();
  return el("details", {},
    el("summary", { "data-reads": true },
      say("page.today.table"), el("span", { class: "seen-only-by-readers" }, ` ${title}`)),
    el("div", { class: "values", tabindex: "0", role: "region", "aria-label": title },
      el("table", {},
        el("caption", {}, `${title} (${unit})`),
        el("thead", {}, el("tr", {},
          el("th", { scope: "col" }, say("page.today.time")),
          columns.map((line) => el("th", { scope: "col" }, names[line])))),
        el("tbody", {}, lines.today.map((_, step) =>
          el("tr", {}, el("th", { scope: "row" }, span(day, step)),
            columns.map((line) => el("td", { class: "number" }, number(lines[line][step])))))))));
}
