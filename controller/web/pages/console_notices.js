// The lobby manager's notices for the hall's televisions: typed here, up for as long as she says, or until she ends them.

import { clock, el, fill, put, say } from "./common.js";
import { act } from "./console_deeds.js";
import { addPart, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";
import { sheet } from "./console_sheet.js";

const LONGEST = 120; // characters
const HALF_AN_HOUR = 30; // minutes
const TWO_HOURS = 120; // minutes
const ALL_DAY = 0; // until the business day ends

const count = el("span", { class: "count number" });
/** Opens them; in the page's head. */
export const posted = el("button", { type: "button", class: "quiet", "aria-haspopup": "dialog", onclick: open },
  say("page.console.posted"), " ", count);

addPart({ refresh: () => put(count, String(view.posted.length || "")) });

function open() {
  if (!view) return;
  sheet.open("notices", { ticket: "" }, say("page.console.posted"), posted);
  put(sheet.about, say("page.console.posted_where"));
  const words = el("input", {
    type: "text", class: "search", maxLength: LONGEST, autocomplete: "off", "aria-label": say("page.console.posted_words"),
    placeholder: say("page.console.posted_words"), oninput: allow,
  });
  const post = (minutes, label) => {
    const button = el("button", {
      type: "button", class: "go", onclick: () => act({ key: "NOTICE", words: words.value.trim(), minutes }, button),
    }, label);
    return button;
  };
  const buttons = [
    post(HALF_AN_HOUR, say("page.console.posted_half_hour")), post(TWO_HOURS, say("page.console.posted_two_hours")),
    post(ALL_DAY, say("page.console.posted_all_day")),
  ];
  function allow() {
    for (const button of buttons) button.disabled = !words.value.trim();
  }
  const list = el("ul", { class: "posted" });
  const none = el("p", { class: "soft" }, say("page.console.posted_none"));
  const show = keyed(list, (notice) => notice.id, row);
  allow();
  fill(sheet.body,
    el("section", { class: "group" },
      el("h3", {}, say("page.console.posted_new")), el("div", { class: "tools" }, words),
      el("h4", {}, say("page.console.posted_how_long")), el("div", { class: "choices" }, buttons)),
    el("section", { class: "group" }, el("h3", {}, say("page.console.posted_up")), list, none));
  sheet.keep(() => {
    show(view.posted);
    none.hidden = view.posted.length > 0;
  });
}

function row(notice) {
  const text = el("span", { class: "words" });
  const until = el("span", { class: "soft" });
  const end = el("button", { type: "button", onclick: () => act({ key: "ENDNOTICE", notice: notice.id }, end) },
    say("page.console.posted_end"));
  return {
    node: el("li", {}, el("span", {}, text, " ", until), end),
    show(next) {
      put(text, next.text);
      put(until, say("page.console.posted_until", { time: clock(next.until) }));
      end.setAttribute("aria-label", `${say("page.console.posted_end")} ${next.text}`);
    },
  };
}
