// What she should know or do now, the most urgent first: where, what is wrong, what helps, since when.

import { clock, el, put, say } from "./common.js";
import { addPart, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";

export const faults = el("ul", { class: "notices", tabindex: "0", "aria-label": say("page.console.notices") });

const showFaults = keyed(faults, (each) => each.id, () => {
  const name = el("strong", { class: "fault-name" });
  const text = el("span");
  const remedy = el("span", { class: "remedy" });
  const since = el("small", { class: "number" });
  const node = el("li", {}, name, text, remedy, since);
  return {
    node,
    show(each) {
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
