// Opinions and complaints: who owns each, how long there is to answer it, and the month so far by cause.

import { clock, date, el, page, put, say } from "./common.js";

/** A time in the branch's zone: of another day with its date. */
function when(at, now) {
  const day = (time) => new Intl.DateTimeFormat("sv-SE", { timeZone: page.timezone }).format(time);
  return day(at) === day(now) ? clock(at) : `${date(day(at), { month: "numeric", day: "numeric" })} ${clock(at)}`;
}

const OWNER = "^[A-Za-z0-9/_\\-]{1,32}$";
let ticking; // the timer by which the minutes that are left go down

export const complaints = {
  name: "complaints",
  draw(view, { act, words, now }) {
    const { open, causes, counters, outcomes, month } = view.complaints;
    clearInterval(ticking);
    const timers = [];
    const drawn = [
      open.length ? el("ul", { class: "cards" }, open.map((each) => card(each))) : el("p", { class: "soft" }, say("page.record.complaint_none")),
      form(),
      month.length ? table() : null,
    ];
    const tick = () => timers.forEach(([node, due]) => put(node, left(due)));
    tick();
    if (timers.length) ticking = setInterval(tick, 5000);
    return drawn;

    function left(due) {
      const minutes = Math.ceil((due - now()) / 60000);
      return minutes > 0 ? say("page.record.complaint_left", { minutes }) : say("page.record.complaint_over", { minutes: -minutes });
    }

    function card(each) {
      const timer = !each.answered && el("span", { class: `mark ${each.overdue ? "bad" : ""}`, "data-timer": each.id });
      if (timer) timers.push([timer, each.due]);
      const written = each.notes.map((note) => words(note.words)).filter(Boolean);
      return el("li", { class: `card ${each.answered ? "works" : each.overdue ? "overdue" : "open"}`, "data-complaint": each.id },
        el("div", {},
          el("strong", {}, each.cause), " ", el("span", { class: "soft" }, each.id), timer,
          each.contact && el("span", { class: "mark" }, say("page.record.complaint_contact"))),
        written.map((text) => el("p", { class: "written" }, text)),
        el("p", { class: "soft" }, [
          each.source === "form" && say("page.record.complaint_form"),
          each.owned_by && say("page.record.complaint_owner", { owner: each.owned_by }),
          each.counter && say("page.record.complaint_at", { counter: each.counter }),
          each.ticket && say("page.record.complaint_of", { ticket: each.ticket }),
          say("page.record.complaint_since", { time: when(each.opened, view.now) }),
          each.answered
            ? say("page.record.complaint_answered", { time: when(each.answered, view.now), result: each.result })
            : say("page.record.complaint_due", { time: when(each.due, view.now) }),
          each.escalated && say("page.record.complaint_escalated", { time: when(each.escalated, view.now) }),
        ].filter(Boolean).join(" · ")),
        deeds(each));
    }

    /** What can be done about a complaint, its words in one field for all of it. */
    function deeds(each) {
      const more = el("input", {
        name: "words", maxLength: 120, autocomplete: "off", "data-focus": `words-${each.id}`,
        placeholder: say("page.record.complaint_more"), "aria-label": say("page.record.complaint_more"),
      });
      const outcome = el("select", { "aria-label": say("page.record.complaint_outcome"), "data-focus": `outcome-${each.id}` },
        outcomes.map(({ id, name }) => el("option", { value: id }, name)));
      const to = el("input", {
        maxLength: 32, pattern: OWNER, autocomplete: "off", "data-focus": `to-${each.id}`,
        placeholder: say("page.record.complaint_pass_to"), "aria-label": say("page.record.complaint_pass_to"),
      });
      const made = el("form", { class: "deeds", oninput: () => made.classList.add("dirty"), onsubmit: (event) => event.preventDefault() },
        el("div", { class: "row" }, more),
        el("div", { class: "row" }, outcome, button("ANSWER", say("page.record.complaint_answer"), () => ({ outcome: outcome.value }), each.answered ? "" : "main"),
          each.answered ? button("SETTLE", say("page.record.complaint_settle"), () => ({}), "main") : null),
        el("div", { class: "row" }, !each.owned_by && button("PASS", say("page.record.complaint_take"), () => ({ owner: "" })),
          to, button("PASS", say("page.record.complaint_pass"), () => ({ owner: to.value })),
          !each.escalated && button("ESCALATE", say("page.record.complaint_escalate"), () => ({}))));
      return made;

      function button(key, text, fields, kind = "") {
        const one = el("button", {
          type: "button", class: kind, "data-focus": `${key}-${text}-${each.id}`,
          async onclick() {
            if (text === say("page.record.complaint_pass") && !(to.value && to.reportValidity())) return to.focus();
            if (await act(key, { complaint: each.id, words: more.value, ...fields() }, one)) made.classList.remove("dirty");
          },
        }, text);
        return one;
      }
    }

    function form() {
      const choose = (name, label, options) => el("select", { name, "data-focus": `complaint-${name}`, "aria-label": label }, options);
      const about = choose("about", say("page.record.complaint_cause"),
        [el("option", { value: "" }, say("page.record.complaint_cause")), ...causes.map(({ id, name }) => el("option", { value: id }, name))]);
      about.required = true;
      const counter = choose("counter", say("page.record.complaint_counter"),
        [el("option", { value: "" }, say("page.record.complaint_no_counter")),
          ...counters.map((id) => el("option", { value: id }, say("page.record.complaint_at", { counter: id })))]);
      const field = (name, label, most) => el("input", {
        name, maxLength: most, placeholder: label, "aria-label": label, autocomplete: "off", "data-focus": `complaint-${name}`,
      });
      const ticket = field("ticket", say("page.record.complaint_ticket"), 16);
      const said = field("words", say("page.record.complaint_words"), 120);
      const contact = el("input", { type: "checkbox", "data-focus": "complaint-contact" });
      const send = el("button", { type: "submit", class: "main", "data-focus": "complaint-send" }, say("page.record.complaint_enter"));
      const made = el("form", {
        class: "row", "data-form": "complaint",
        oninput: () => made.classList.add("dirty"),
        async onsubmit(event) {
          event.preventDefault();
          const fields = { about: about.value, counter: counter.value, ticket: ticket.value, words: said.value, contact: contact.checked };
          if (!(await act("COMPLAINT", fields, send))) return;
          made.classList.remove("dirty");
          made.reset();
        },
      }, about, counter, ticket, said, el("label", { class: "tick" }, contact, say("page.record.complaint_contact")), send);
      return made;
    }

    function table() {
      const columns = [
        ["opened", say("page.record.complaint_opened")], ["contact", say("page.record.complaint_with_contact")],
        ["answered", say("page.record.complaint_count_answered")], ["late", say("page.record.complaint_late")],
        ["escalated", say("page.record.complaint_count_escalated")], ["settled", say("page.record.complaint_settled")],
        ["minutes", say("page.record.complaint_minutes")],
      ];
      return el("div", { class: "figures", tabindex: "0", role: "group", "aria-label": say("page.record.complaint_month") },
        el("table", {}, el("caption", {}, say("page.record.complaint_month")),
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, say("page.record.complaint_cause")),
            columns.map(([, name]) => el("th", { scope: "col", class: "figure" }, name)))),
          el("tbody", {}, month.map((each) => el("tr", {}, el("th", { scope: "row" }, each.name),
            columns.map(([id]) => el("td", { class: "figure" }, String(each[id] ?? "–"))))))));
    }
  },
};
