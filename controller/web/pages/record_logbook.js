// The log book: what the controller has noted of the day, what people enter beside it, and the day's signature.

import { clock, el, say } from "./common.js";

const nameOf = (by) => by.replace(/^user\//, "");
let correcting = ""; // the entry that is being corrected

export const logbook = {
  name: "logbook",
  draw(view, { act, words }) {
    const { day, drafted, entries, topics, signed, outstanding } = view.logbook;
    if (!entries.some((each) => each.id === correcting && !each.struck) || signed) correcting = "";
    return [
      el("p", {}, el("a", { href: `/record/day?day=${day}`, "data-reads": true }, say("page.record.log_report"))),
      el("h3", {}, say("page.record.log_drafted")),
      drafted.length ? el("dl", { class: "drafted" }, drafted.flatMap(heading)) : el("p", { class: "soft" }, say("page.record.log_nothing")),
      el("h3", {}, say("page.record.log_entries")),
      entries.length ? el("ul", { class: "cards" }, entries.map(card)) : el("p", { class: "soft" }, say("page.record.log_none")),
      form(),
      signature(),
    ];

    function heading({ heading: title, lines }) {
      return [el("dt", {}, title), el("dd", {}, el("ul", {}, lines.map((line) => el("li", {},
        line.at > 0 && line.at <= view.now && el("span", { class: "soft number" }, clock(line.at)), " ",
        [line.text, words(line.words)].filter(Boolean).join(" · ")))))];
    }

    function card(each) {
      const text = words(each.words) || (each.words ? say("page.record.log_purged") : "");
      const strike = el("button", {
        type: "button", "data-focus": `strike-${each.id}`, "aria-label": `${say("page.record.log_strike")} ${each.id}`,
        onclick: () => act("LOGEDIT", { entry: each.id }, strike),
      }, say("page.record.log_strike"));
      const correct = el("button", {
        type: "button", "data-focus": `correct-${each.id}`, "aria-label": `${say("page.record.log_correct")} ${each.id}`,
        onclick: () => {
          correcting = each.id;
          correct.closest("section").querySelector("form.log").begin(each, words(each.words));
        },
      }, say("page.record.log_correct"));
      return el("li", { class: `card ${each.struck ? "struck" : ""}`, "data-entry": each.id },
        el("div", {},
          el("span", { class: "soft number" }, clock(each.at)), " ", el("strong", {}, each.name), " ",
          el("span", { class: "soft" }, `${each.id} · ${nameOf(each.by)}`),
          each.addendum && el("span", { class: "mark" }, say("page.record.log_addendum")),
          each.tomorrow && !each.struck && el("span", { class: "mark" }, say("page.record.log_tomorrow")),
          each.private && el("span", { class: "mark bad" }, say("page.record.log_private")),
          each.struck && el("span", { class: "mark" }, each.struck === "-"
            ? say("page.record.log_struck") : say("page.record.log_corrected", { entry: each.struck }))),
        el("p", {}, text),
        !each.struck && !signed && el("div", { class: "buttons" }, correct, strike));
    }

    function form() {
      const topic = el("select", { name: "topic", "data-focus": "log-topic", "aria-label": say("page.record.log_topic") },
        topics.map((each) => el("option", { value: each.id }, each.name)));
      const about = el("input", {
        name: "words", maxLength: 120, autocomplete: "off", "data-focus": "log-words",
        placeholder: say("page.record.log_words"), "aria-label": say("page.record.log_words"),
      });
      const tomorrow = el("input", { type: "checkbox", name: "tomorrow", "data-focus": "log-tomorrow" });
      const usual = signed ? say("page.record.log_addendum") : say("page.record.log_enter");
      const send = el("button", { type: "submit", "data-focus": "log-send" }, usual);
      const made = el("form", {
        class: "row log",
        oninput: () => made.classList.add("dirty"),
        async onsubmit(event) {
          event.preventDefault();
          const fields = { topic: topic.value, words: about.value, tomorrow: tomorrow.checked };
          const accepted = correcting ? await act("LOGEDIT", { entry: correcting, ...fields }, send) : await act("LOG", fields, send);
          if (!accepted) return;
          correcting = "";
          send.textContent = usual;
          made.classList.remove("dirty");
          made.reset();
        },
      }, topic, about, el("label", { class: "check" }, tomorrow, say("page.record.log_tomorrow")), send);
      made.begin = (each, text) => {
        [topic.value, about.value, tomorrow.checked] = [each.topic, text, each.tomorrow];
        send.textContent = `${say("page.record.log_correct")} ${each.id}`;
        made.classList.add("dirty");
        about.focus();
      };
      return made;
    }

    /** Who has signed, or the button to sign; where something is left open it is said before, on the button too. */
    function signature() {
      if (signed) {
        return el("p", { class: "signed" }, [
          say("page.record.log_signed", { by: nameOf(signed.by), time: clock(signed.at) }),
          signed.left_open && say("page.record.log_signed_open", { count: signed.left_open }),
        ].filter(Boolean).join(" · "));
      }
      const ready = !outstanding.length;
      const button = el("button", {
        type: "button", class: ready ? "main" : "", "data-focus": "sign",
        onclick: async () => {
          if (button.dataset.asked) return act("SIGNOFF", { sure: true }, button);
          if (await act("SIGNOFF", {}, button)) return;
          button.dataset.asked = "true";
          button.textContent = say("page.record.log_sign_anyway");
        },
      }, say("page.record.log_sign"));
      return el("div", { class: "sign" },
        !ready && el("p", {}, say("page.record.log_outstanding")),
        !ready && el("ul", { class: "left" }, outstanding.map((text) => el("li", {}, text))),
        el("div", { class: "buttons" }, button));
    }
  },
};
