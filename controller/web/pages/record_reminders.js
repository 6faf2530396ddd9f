// Reminders: what must be done, by whom and when; it stays until somebody says that it is done.

import { date, el, say } from "./common.js";

const short = (day) => date(day, { month: "numeric", day: "numeric", weekday: "short" });

export const reminders = {
  name: "reminders",
  draw(view, { act, words }) {
    const { open, done, tasks, whom, today, last } = view.reminders;
    return [
      open.length ? el("ul", { class: "cards" }, open.map(card)) : el("p", { class: "soft" }, say("page.record.reminders_none")),
      form(),
      done.length > 0 && el("details", {}, el("summary", {}, `${say("page.record.reminders_done")} (${done.length})`),
        el("ul", { class: "cards" }, done.map((each) => el("li", { class: "card works" }, about(each))))),
    ].filter(Boolean);

    function about(each) {
      return [
        el("div", {}, el("strong", {}, each.entry ? `${each.name} ${each.entry}` : each.name), " ",
          el("span", { class: "soft" }, `${each.id} · ${each.whom}`)),
        el("p", {}, words(each.words) || (each.words ? say("page.record.log_purged") : "")),
      ];
    }

    function card(each) {
      const button = el("button", {
        type: "button", "data-focus": `DONE-${each.id}`, "aria-label": `${say("page.record.reminder_done")} ${each.id}`,
        onclick: () => act("DONE", { reminder: each.id }, button),
      }, say("page.record.reminder_done"));
      const when = each.state === "overdue"
        ? el("span", { class: "mark bad" }, say("page.record.reminder_overdue", { day: short(each.day) }))
        : el("span", { class: "mark" }, each.state === "today" ? say("page.record.reminder_today") : short(each.day));
      const [name, text] = about(each);
      name.append(when);
      return el("li", { class: `card ${each.state}`, "data-reminder": each.id },
        name, text, el("div", { class: "buttons" }, button));
    }

    function form() {
      const choice = (name, label, list) => el("select", { name, "data-focus": `reminder-${name}`, "aria-label": label },
        list.map((each) => el("option", { value: each.id }, each.name)));
      const topic = choice("topic", say("page.record.log_topic"), tasks);
      const who = choice("whom", say("page.record.reminder_whom"), whom);
      const day = el("input", {
        type: "date", name: "day", min: today, max: last, value: view.reminders.next, required: true,
        "data-focus": "reminder-day", "aria-label": say("page.record.reminder_day"),
      });
      const about = el("input", {
        name: "words", maxLength: 120, autocomplete: "off", "data-focus": "reminder-words",
        placeholder: say("page.record.reminder_words"), "aria-label": say("page.record.reminder_words"),
      });
      const send = el("button", { type: "submit", "data-focus": "reminder-send" }, say("page.record.reminder_new"));
      const made = el("form", {
        class: "row",
        oninput: () => made.classList.add("dirty"),
        async onsubmit(event) {
          event.preventDefault();
          const fields = { topic: topic.value, whom: who.value, day: day.value, words: about.value };
          if (!(await act("REMIND", fields, send))) return;
          made.classList.remove("dirty");
          made.reset();
        },
      }, topic, who, day, about, send);
      return made;
    }
  },
};
