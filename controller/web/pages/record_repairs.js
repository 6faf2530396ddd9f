// Faults and repairs: what is out of order and until when it must work again; a fault that nothing reports by itself.

import { el, say } from "./common.js";
import { when } from "./record_times.js";

export const repairs = {
  name: "repairs",
  draw(view, { act, words }) {
    const { open, things } = view.repairs;
    return [
      open.length ? el("ul", { class: "cards" }, open.map((each) => card(each))) : el("p", { class: "soft" }, say("page.record.nothing_open")),
      form(),
    ];

    function card(each) {
      const state = each.works ? "works" : each.overdue ? "overdue" : "open";
      return el("li", { class: `card ${state}`, "data-repair": each.id },
        el("div", {},
          el("strong", {}, each.name), " ", el("span", { class: "soft" }, each.id),
          each.works ? el("span", { class: "mark good" }, say("page.record.works"))
            : each.overdue && el("span", { class: "mark bad" }, say("page.record.overdue"))),
        el("p", {}, [each.detail, words(each.words)].filter(Boolean).join(" · ")),
        el("p", { class: "soft" }, [
          say("page.record.since", { time: when(each.since, view.now) }),
          say("page.record.due", { time: when(each.due, view.now) }),
          each.by === "controller" ? say("page.record.by_itself") : each.by.replace(/^user\//, ""),
          each.called && say("page.record.called_at", { time: when(each.called, view.now) }),
        ].filter(Boolean).join(" · ")),
        el("div", { class: "buttons" },
          button("REPAIRED", say("page.record.repaired"), each, each.works ? "main" : ""),
          !each.called && button("CALLED", say("page.record.called"), each)));
    }

    function button(key, text, each, kind = "") {
      const made = el("button", {
        type: "button", class: kind, "data-focus": `${key}-${each.id}`,
        onclick: () => act(key, { repair: each.id }, made),
      }, text);
      return made;
    }

    function form() {
      const what = el("select", { required: true, name: "thing", "data-focus": "thing", "aria-label": say("page.record.what") },
        el("option", { value: "" }, say("page.record.what")),
        things.map((each) => el("option", { value: each.id }, each.open ? `${each.name} (${each.open})` : each.name)));
      const about = el("input", {
        name: "words", maxLength: 120, "data-focus": "fault-words", placeholder: say("page.record.words"),
        "aria-label": say("page.record.words"), autocomplete: "off",
      });
      const send = el("button", { type: "submit", "data-focus": "fault-send" }, say("page.record.report"));
      const asked = new URLSearchParams(location.search).get("thing");
      if (things.some((each) => each.id === asked)) what.value = asked;
      const made = el("form", {
        class: "row",
        oninput: () => made.classList.add("dirty"),
        async onsubmit(event) {
          event.preventDefault();
          if (!(await act("FAULT", { thing: what.value, words: about.value }, send))) return;
          made.classList.remove("dirty");
          made.reset();
        },
      }, what, about, send);
      return made;
    }
  },
};
