// How satisfied customers are: in all, by service and by hour, in the order of these; nobody is ranked.

import { el, say } from "./common.js";

const SCORES = [
  [4, "page.record.rating_5"], [3, "page.record.rating_4"], [2, "page.record.rating_3"], [1, "page.record.rating_2"],
  [0, "page.record.rating_1"],
];

export const satisfaction = {
  name: "satisfaction",
  draw(view) {
    const { all, services, hours, counters } = view.satisfaction;
    if (!all.count) return [el("p", { class: "soft" }, say("page.record.rating_none"))];
    const group = (heading, rows) => rows?.length ? [el("tr", { class: "part" }, el("th", { scope: "rowgroup", colSpan: 8 }, heading)), ...rows.map(row)] : [];
    const row = (each) => el("tr", {}, el("th", { scope: "row" }, each.name),
      el("td", { class: "figure" }, String(each.count)),
      el("td", { class: "figure" }, each.average === null ? say("page.record.rating_few") : each.average.toFixed(1)),
      SCORES.map(([score]) => el("td", { class: "figure" }, String(each.scores[score]))));
    return [el("div", { class: "figures", tabindex: "0", role: "group", "aria-label": say("page.record.satisfaction") },
      el("table", {},
        el("thead", {}, el("tr", {}, el("td", {}),
          el("th", { scope: "col", class: "figure" }, say("page.record.rating_count")),
          el("th", { scope: "col", class: "figure" }, say("page.record.rating_average")),
          SCORES.map(([, word]) => el("th", { scope: "col", class: "figure" }, say(word))))),
        el("tbody", {}, row({ ...all, name: say("page.record.rating_all") })),
        el("tbody", {}, group(say("page.record.rating_service"), services)),
        el("tbody", {}, group(say("page.record.rating_hour"), hours)),
        el("tbody", {}, group(say("page.record.rating_counter"), counters))))];
  },
};
