// Setting up a branch: the code, then one question after the other, below what has been said so far.

import { ask, el, fill, page, say, speak } from "./common.js";

const LOOK = 600; // ms between two looks at what is said and asked

const main = document.getElementById("main");
const said = el("div", { class: "said", role: "log" });
const now = el("section", { class: "now card", "aria-live": "polite" });
let heard = 0; // pieces of what was said that are on the page
let shown = -1; // the number of the question that is on the page

if (page.entered) begin();
else if (page.taken) fill(main, el("p", { class: "notice" }, say("setup.page.used")));
else enter();

function enter() {
  const code = el("input", { id: "code", type: "text", inputmode: "numeric", autocomplete: "off", maxlength: "20", required: true, "aria-describedby": "wrong" });
  const wrong = el("p", { id: "wrong", class: "wrong", role: "alert" });
  const form = el("form", { class: "card enter", novalidate: true, onsubmit: go },
    el("h2", {}, say("setup.page.title")),
    el("p", { class: "soft" }, say("setup.page.code_why")),
    el("label", { for: "code" }, say("setup.page.code")), code, wrong,
    el("button", { type: "submit", class: "main" }, say("setup.page.enter")));
  fill(main, form);
  code.focus();

  async function go(event) {
    event.preventDefault();
    const answer = await ask("POST", "/api/enter", { code: code.value });
    if (answer.result === "ok") return begin();
    wrong.textContent = answer.text;
    code.select();
  }
}

function begin() {
  fill(main, el("h2", { class: "title" }, say("setup.page.title")), said, now);
  look();
}

async function look() {
  const answer = await fetch(`/api/state?after=${heard}`, { signal: AbortSignal.timeout(5000) }).then((got) => (got.ok ? got.json() : null), () => null);
  if (!answer) return wait("setup.page.lost", 3000);
  if (answer.language !== page.language) {
    speak(answer.language);
    main.querySelector(".title").textContent = say("setup.page.title");
  }
  for (const piece of answer.said) said.append(draw(piece));
  if (answer.said.length) now.scrollIntoView({ block: "end" });
  heard = answer.total;
  if (answer.over) return over();
  const { question } = answer;
  if (!question) {
    if (shown !== 0) fill(now, el("p", { class: "working" }, say("setup.page.working")));
    shown = 0;
  } else if (question.number !== shown) {
    shown = question.number;
    put(question);
  }
  setTimeout(look, LOOK);
}

function wait(key, pause) {
  fill(now, el("p", { class: "notice" }, say(key)));
  shown = -1;
  setTimeout(look, pause);
}

function over() {
  fill(now, el("p", { class: "done" }, say("setup.page.done")));
  now.scrollIntoView({ block: "end" });
}

/** One thing that was said. */
function draw(piece) {
  if (piece.kind === "answer") {
    return el("p", { class: "answer" }, el("span", { class: "soft" }, piece.question), " ", el("strong", {}, piece.text));
  }
  if (piece.kind === "table") {
    return el("div", { class: "table" },
      el("table", {}, el("caption", {}, piece.title),
        el("thead", {}, el("tr", {}, piece.columns.map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, piece.rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
  }
  if (piece.kind === "file") {
    return el("details", {}, el("summary", {}, piece.name), el("pre", { tabindex: "0" }, piece.text));
  }
  return el("p", { class: piece.kind }, piece.text.trim());
}

/** Ask a question: by a button for each choice, else by a line to type in, which holds what is usual. */
function put(question) {
  const wrong = el("p", { id: "wrong", class: "wrong", role: "alert" }, question.wrong);
  const head = [el("h3", { id: "question" }, question.text), el("p", { class: "soft", id: "why" }, question.why), wrong];
  const send = async (text) => {
    for (const button of now.querySelectorAll("button")) button.disabled = true;
    const answer = await ask("POST", "/api/answer", { number: question.number, text });
    if (answer.result === "error") wrong.textContent = answer.text;
    for (const button of now.querySelectorAll("button")) button.disabled = false;
  };
  if (question.choices.length) {
    const buttons = question.choices.map(({ value, label }) => el("button", {
      type: "button", class: value === question.default ? "main" : "", "data-value": value, onclick: () => send(value),
    }, label, value === label || ["yes", "no", "zh", "en"].includes(value) ? "" : el("small", {}, value)));
    fill(now, head, el("div", { class: "choices", role: "group", "aria-labelledby": "question" }, buttons));
    now.querySelector("button.main").focus();
  } else if (question.id === "press") {
    fill(now, head, el("button", { type: "button", class: "main", onclick: () => send("") }, say("setup.page.pressed")));
    now.querySelector("button").focus();
  } else {
    const input = el("input", { type: "text", value: question.default, autocomplete: "off", maxlength: "500", "aria-labelledby": "question", "aria-describedby": "why wrong" });
    input.spellcheck = false;
    const form = el("form", { novalidate: true, onsubmit: (event) => (event.preventDefault(), send(input.value)) },
      input, el("button", { type: "submit", class: "main" }, say("setup.page.send")));
    fill(now, head, form);
    input.select();
  }
  now.scrollIntoView({ block: "end" });
}
