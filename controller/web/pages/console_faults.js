// What she should know or do now, the most urgent first: where, what is wrong, what helps, since when.

import { ask, clock, el, put, say, toast } from "./common.js";
import { openPlan } from "./console_emergency.js";
import { addPart, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";

const PATIENCE = 60_000; // a device that does not answer is given its time

/** Have a device examined: it is out of service meanwhile, and prints or shows something that says TEST. */
async function test(id, button) {
  button.setAttribute("aria-busy", "true");
  button.textContent = say("page.console.testing");
  const answer = await ask("POST", `/api/devices/${encodeURIComponent(id)}/test`, undefined, PATIENCE);
  button.removeAttribute("aria-busy");
  button.textContent = say("page.console.test");
  const words = answer.result !== "ok" ? answer.text : answer.state === "ok" && !answer.found.length
    ? say("page.console.tested_ok", { name: answer.name })
    : [answer.name, ...answer.found, ...answer.remedies].join(" · ");
  toast(words, answer.result !== "ok" || answer.state === "fault");
}

export const faults = el("ul", { class: "notices", tabindex: "0", "aria-label": say("page.console.notices") });

const showFaults = keyed(faults, (each) => each.id, () => {
  const name = el("strong", { class: "fault-name" });
  const text = el("span");
  const remedy = el("span", { class: "remedy" });
  const since = el("small", { class: "number" });
  const button = el("button", { class: "quiet test", onclick: () => button.dataset.device && test(button.dataset.device, button) },
    say("page.console.test"));
  const plan = el("button", {
    class: "quiet test", "aria-haspopup": "dialog", onclick: () => plan.dataset.plan && openPlan(plan.dataset.plan, plan),
  }, say("page.console.emergency_plan"));
  const node = el("li", {}, name, text, remedy, since, button, plan);
  return {
    node,
    show(each) {
      button.hidden = !each.device;
      if (!button.hasAttribute("aria-busy")) put(button, each.device ? say("page.console.test") : "");
      button.dataset.device = each.device ?? "";
      plan.hidden = !each.plan;
      plan.dataset.plan = each.plan ?? "";
      put(name, each.name);
      put(text, each.text);
      put(remedy, each.remedy);
      put(since, each.since ? say("page.console.fault_since", { time: clock(each.since) }) : "");
      node.className = each.severity === "well" ? "well" : `notice ${each.severity}`;
    },
  };
});

addPart({
  arrange: () => showFaults(view.faults.length
    ? view.faults : [{ id: "well", severity: "well", name: "", text: say("page.console.all_well"), remedy: "" }]),
});
