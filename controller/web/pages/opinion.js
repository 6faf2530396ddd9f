// The opinion form on a customer's phone: how it was, what it is about, and in their own words.
import { ask, el, fill, languageButton, newKey, page, say, sizeButton, toast } from "./common.js";

const LONGEST = 200;
/** From the best to the worst. */
const SCORES = [
  [5, "page.opinion.score_5"], [4, "page.opinion.score_4"], [3, "page.opinion.score_3"], [2, "page.opinion.score_2"],
  [1, "page.opinion.score_1"],
];

const main = document.getElementById("main");
const holder = el("div", { class: "holder" });
const size = sizeButton((large) => size.write(large));
const language = languageButton(draw);
main.append(el("p", { class: "branch" }, page.branch), holder, el("div", { class: "tools" }, size.button, language.button));

/** What has been chosen and written: it outlives a change of the language. */
const given = { score: 0, about: "", words: "", contact: false };
let key = newKey(); // the same until something is changed: however often it is sent, it acts once
let answered = "";

function change(name, value) {
  given[name] = value;
  key = newKey();
}

function radio(name, value, text) {
  return el("label", { class: "choice" }, el("input", {
    type: "radio", name, value: String(value), checked: given[name] === value, onchange: () => change(name, value),
  }), el("span", {}, text));
}

function draw() {
  language.write();
  size.write();
  document.title = `${say("page.title.opinion")} · ${page.branch}`;
  if (answered) {
    fill(holder, el("section", { class: "done", role: "status" }, el("h2", {}, say("page.opinion.done")), el("p", {}, answered)));
    return;
  }
  const place = page.ticket ? say("page.opinion.of", { ticket: page.ticket })
    : page.counter && say("page.opinion.at", { counter: page.counter });
  const words = el("textarea", {
    id: "words", rows: 4, maxLength: LONGEST, value: given.words, "aria-describedby": "hint", autocomplete: "off",
    oninput: () => change("words", words.value),
  });
  const send = el("button", { type: "submit", class: "main" }, say("page.opinion.send"));
  fill(holder, el("h2", {}, say("page.title.opinion")), place && el("p", { class: "place" }, place),
    el("p", { class: "soft" }, say("page.opinion.lead")),
    el("form", { novalidate: true, onsubmit: (event) => submit(event, send) },
      el("fieldset", {}, el("legend", {}, say("page.opinion.score")),
        SCORES.map(([score, word]) => radio("score", score, say(word)))),
      el("fieldset", { class: "about" }, el("legend", {}, say("page.opinion.about")),
        page.causes[page.language].map(({ id, name }) => radio("about", id, name))),
      el("label", { class: "title", htmlFor: "words" }, say("page.opinion.words")), words,
      el("p", { class: "soft", id: "hint" }, say("page.opinion.words_hint")),
      el("label", { class: "choice" }, el("input", {
        type: "checkbox", checked: given.contact, onchange: (event) => change("contact", event.target.checked),
      }), el("span", {}, say("page.opinion.contact"))),
      send));
}

async function submit(event, send) {
  event.preventDefault();
  if (!given.score) {
    toast(say("page.opinion.choose"), true);
    holder.querySelector("input[name=score]").focus();
    return;
  }
  send.disabled = true;
  const about = { page: page.ticketPage, counter: page.counter, language: page.language };
  const answer = await ask("POST", "/api/opinions", { ...given, ...about }, undefined, key);
  send.disabled = false;
  if (answer.result !== "ok") return toast(answer.text, true);
  answered = answer.text;
  draw();
  holder.querySelector("h2").scrollIntoView();
}

draw();
