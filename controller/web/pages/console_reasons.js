// Why something is done: a reason to be tapped, or her own words.

import { el, say } from "./common.js";

const REMARK = 80; // characters of a reason in her own words

/** Reasons of which a tap acts; "other" takes her own words. */
export function reasons(title, codes, kind, doIt, nameOf = (code) => say(`reason.${code}`)) {
  const chips = el("div", { class: "choices" },
    codes.map((code) =>
      el("button", { type: "button", class: kind, onclick: (event) => doIt(code, event.currentTarget) },
        nameOf(code))),
    el("button", { type: "button", class: kind, onclick: () => ownWords() }, say("page.console.other")));
  const group = el("section", { class: `group ${kind}-group`, "aria-label": title }, el("h3", {}, title), chips);
  function ownWords() {
    const words = el("form", { class: "own-words" });
    const input = remark();
    words.append(
      input,
      el("button", { type: "submit", class: kind || "main" }, say("page.console.other_go")),
      el("button", { type: "button", onclick: () => (words.replaceWith(chips), chips.lastChild.focus()) },
        say("page.console.other_back")));
    words.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) doIt(input.value.trim(), words.querySelector("[type=submit]"));
      else input.focus();
    });
    chips.replaceWith(words);
    input.focus();
  }
  return group;
}

const remark = () =>
  el("input", {
    type: "text", maxlength: String(REMARK), placeholder: say("page.console.other_label"),
    "aria-label": say("page.console.other_label"), autocomplete: "off",
  });

/** Reasons of which one is chosen, the first beforehand: gives what was chosen, and its element. */
export function reasonOf(codes) {
  let chosen = codes[0];
  const input = remark();
  input.hidden = true;
  const chips = [...codes, ""].map((code) =>
    el("button", {
      type: "button", class: "chip", "aria-pressed": String(code === chosen),
      onclick: () => {
        chosen = code;
        chips.forEach((chip, n) => chip.setAttribute("aria-pressed", String(([...codes, ""])[n] === code)));
        input.hidden = Boolean(code);
        if (!code) input.focus();
      },
    }, code ? say(`reason.${code}`) : say("page.console.other")));
  const label = say("page.console.reason");
  const node = el("div", { class: "reason", role: "group", "aria-label": label },
    el("span", { class: "soft" }, label), chips, input);
  return { node, reason: () => chosen || input.value.trim() };
}
