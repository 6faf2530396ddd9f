// A device signs in with the token in its address, which does not stay there.

import { ask, el, onwards, page, say } from "./common.js";

const main = document.getElementById("main");
const told = el("p", { class: "told", role: "alert" });
const input = el("input", {
  id: "token", type: "text", autocomplete: "off", autocapitalize: "none", maxlength: "200",
});
input.spellcheck = false;
const go = el("button", { type: "submit", class: "main" }, say("page.enter.go"));
main.append(
  el("form", { class: "card", novalidate: true, onsubmit: submit },
    el("p", { class: "branch" }, page.branch),
    el("h2", {}, say("page.title.enter")),
    told,
    el("label", { for: "token" }, say("page.enter.token")), input, go));

if (!enterByAddress()) {
  told.textContent = say("page.enter.none");
  input.focus();
}
// Another address with a token, opened where this page already is, loads nothing anew.
addEventListener("hashchange", enterByAddress);

/** Enter with the token in the address, if there is one. */
function enterByAddress() {
  const token = fromAddress();
  history.replaceState(null, "", location.pathname + location.search);
  if (token) enter(token);
  return Boolean(token);
}

function fromAddress() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text).trim();
  } catch {
    return text;
  }
}

function submit(event) {
  event.preventDefault();
  // The whole address may have been pasted.
  const pasted = input.value.trim().split("#").pop();
  if (pasted && !go.disabled) enter(pasted);
  else input.focus();
}

async function enter(secret) {
  go.disabled = true;
  told.className = "told";
  told.textContent = say("page.enter.entering");
  const answer = await ask("POST", "/api/session", { token: secret });
  if (answer.result === "ok") {
    location.replace(onwards(answer.home));
    return;
  }
  told.classList.add("wrong");
  told.textContent = answer.wait
    ? say("page.enter.wait", { seconds: Math.ceil(answer.wait) })
    : answer.result === "refused" ? say("page.enter.wrong") : answer.text;
  setTimeout(() => (go.disabled = false), (answer.wait ?? 0) * 1000);
  input.focus();
}
