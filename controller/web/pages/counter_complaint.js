// A complaint that a clerk has heard: whoever hears it first owns it. Folded up until it is needed.

import { el, page, say } from "./common.js";

/** The form; `enter(fields)` presses the key, and resolves to whether it was accepted. */
export function complaintForm(enter) {
  const about = el("select", { "aria-label": say("page.counter.complaint") },
    page.causes.map(({ id, name }) => el("option", { value: id }, name)));
  const words = el("input", {
    type: "text", maxlength: "120", autocomplete: "off", "aria-label": say("page.counter.complaint_words"),
    placeholder: say("page.counter.complaint_words"),
  });
  const contact = el("input", { type: "checkbox" });
  const form = el("form", {
    class: "complaint",
    async onsubmit(event) {
      event.preventDefault();
      if (!(await enter({ about: about.value, words: words.value, contact: contact.checked }))) return;
      form.reset();
      folded.open = false;
      document.activeElement?.blur();
    },
  }, about, words, el("label", {}, contact, say("page.counter.complaint_contact")),
    el("button", { type: "submit" }, say("page.counter.complaint_enter")));
  const folded = el("details", { class: "complaints" }, el("summary", {}, say("page.counter.complaint")), form);
  return folded;
}
