// Referral cards, care cards and service booklets: counted one by one, shown by need.

import { el, say } from "./common.js";

const chosen = { card: "", need: "" }; // what was counted last is likely to be counted next

export const cards = {
  name: "cards",
  draw(view, { act }) {
    const { cards: kinds, needs, today, month } = view.cards;
    return [form(), Object.keys(month).length ? table() : el("p", { class: "soft" }, say("page.record.card_none"))];

    function form() {
      const choose = (name, label, options) => {
        const made = el("select", { name, "data-focus": `card-${name}`, "aria-label": label, onchange: () => (chosen[name] = made.value) },
          options.map(({ id, name: text }) => el("option", { value: id, selected: chosen[name] === id }, text)));
        return made;
      };
      const card = choose("card", say("page.record.card_what"), kinds);
      const need = choose("need", say("page.record.card_need"), needs);
      const count = (less) => act("COUNT", { card: card.value, need: need.value, less }, less ? minus : plus);
      const plus = el("button", { type: "button", class: "main", "data-focus": "card-count", onclick: () => count(false) }, say("page.record.card_count"));
      const minus = el("button", { type: "button", "data-focus": "card-less", onclick: () => count(true) }, say("page.record.card_less"));
      return el("div", { class: "row" }, card, need, plus, minus);
    }

    function table() {
      const of = (counts, card, need) => counts[card]?.[need] ?? 0;
      const rows = needs.filter(({ id }) => kinds.some((card) => of(month, card.id, id) || of(today, card.id, id)));
      const sum = (counts, card) => Object.values(counts[card] ?? {}).reduce((all, each) => all + each, 0);
      const cells = (figures) => kinds.flatMap(({ id }) => figures(id).map((each) => el("td", { class: "figure" }, String(each))));
      return el("div", { class: "figures", tabindex: "0", role: "group", "aria-label": say("page.record.cards") },
        el("table", {},
          el("thead", {},
            el("tr", {}, el("th", { rowSpan: 2, scope: "col" }, say("page.record.card_need")),
              kinds.map(({ name }) => el("th", { colSpan: 2, scope: "colgroup", class: "figure" }, name))),
            el("tr", {}, kinds.flatMap(() => [
              el("th", { scope: "col", class: "figure" }, say("page.record.card_today")),
              el("th", { scope: "col", class: "figure" }, say("page.record.card_month")),
            ]))),
          el("tbody", {}, rows.map(({ id: need, name }) => el("tr", {}, el("th", { scope: "row" }, name),
            cells((card) => [of(today, card, need), of(month, card, need)])))),
          el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, say("page.record.card_total")),
            cells((card) => [sum(today, card), sum(month, card)])))));
    }
  },
};
