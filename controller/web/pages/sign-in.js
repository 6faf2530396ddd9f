// Signing in with a name and a PIN; the pad is for those who have no keyboard.

import { ask, el, onwards, page, say } from "./common.js";

const main = document.getElementById("main");
const name = el("input", {
  id: "name", type: "text", autocomplete: "username", autocapitalize: "none", maxlength: "64", required: true,
  "aria-describedby": "wrong",
});
name.spellcheck = false;
const pin = el("input", {
  id: "pin", type: "password", inputmode: "numeric", autocomplete: "current-password", maxlength: "64", required: true,
  "aria-describedby": "wrong",
});
const wrong = el("p", { id: "wrong", class: "wrong", role: "alert" });
const countdown = el("p", { class: "countdown number" });
const go = el("button", { type: "submit", class: "main go" }, say("page.sign_in.go"));
const digit = (n) => el("button", { type: "button", class: "number", onclick: () => (pin.value += n) }, n);

const form = el("form", { class: "card", novalidate: true, onsubmit: signIn },
  el("p", { class: "branch" }, page.branch),
  el("h2", {}, say("page.title.sign-in")),
  el("label", { for: "name" }, say("page.sign_in.name")), name,
  el("label", { for: "pin" }, say("page.sign_in.pin")), pin,
  el("div", { class: "told" }, wrong, countdown),
  el("div", { class: "pad", role: "group", "aria-label": say("page.sign_in.pad") },
    ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(digit),
    el("button", { type: "button", class: "small", onclick: () => (pin.value = "") }, say("page.sign_in.clear")),
    digit("0"),
    el("button", {
      type: "button", "aria-label": say("page.sign_in.erase"), onclick: () => (pin.value = pin.value.slice(0, -1)),
    }, "⌫")),
  go);
main.append(form);
name.focus();
if (page.next) explain();

/** Whoever is signed in has been sent here by a page that is not theirs: say so, before they try again in vain. */
async function explain() {
  const present = await fetch("/api/session").then((answer) => answer.ok, () => false);
  if (present && !wrong.textContent && !go.disabled) tell(say("page.sign_in.other_account"), false);
}

async function signIn(event) {
  event.preventDefault();
  if (go.disabled) return;
  const missing = !name.value.trim() ? name : !pin.value ? pin : null;
  if (missing) {
    tell(missing === name ? say("page.sign_in.need_name") : say("page.sign_in.need_pin"));
    missing.focus();
    return;
  }
  go.disabled = true;
  tell("");
  const answer = await ask("POST", "/api/session", { name: name.value.trim(), pin: pin.value });
  if (answer.result === "ok") {
    location.assign(onwards(answer.home));
    return;
  }
  pin.value = "";
  if (answer.wait) return hold(answer.wait);
  go.disabled = false;
  tell(answer.text);
  pin.focus();
}

function tell(text, isWrong = Boolean(text)) {
  wrong.textContent = text ?? "";
  wrong.classList.toggle("wrong", isWrong);
  wrong.classList.toggle("notice", Boolean(text) && !isWrong);
  for (const input of [name, pin]) input.setAttribute("aria-invalid", String(isWrong));
}

/** Too many tries: the seconds until the next are counted down, told once to readers. */
function hold(seconds) {
  const until = performance.now() + seconds * 1000;
  tell(say("page.sign_in.wait"));
  const timer = setInterval(tick, 250);
  tick();
  function tick() {
    const left = Math.ceil((until - performance.now()) / 1000);
    countdown.textContent = left > 0 ? say("page.sign_in.left", { seconds: left }) : "";
    if (left > 0) return;
    clearInterval(timer);
    go.disabled = false;
    tell(say("page.sign_in.wait_over"), false);
    pin.focus();
  }
}
