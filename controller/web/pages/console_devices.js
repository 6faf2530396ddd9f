// What works and what does not, and what has been done.

import { clock, el, put, say } from "./common.js";
import { addPart, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";

const DEVICES = {
  ok: "page.console.device_ok",
  degraded: "page.console.device_degraded",
  offline: "page.console.device_offline",
};

export const devices = el("ul", { class: "devices" });
export const recent = el("ul", { class: "recent" });
export const nothingRecent = el("p", { class: "soft" }, say("page.console.nothing_recent"));

const showDevices = keyed(devices, (device) => device.id, () => {
  const name = el("span");
  const state = el("span");
  const node = el("li", {}, name, state);
  return {
    node,
    show(device) {
      put(name, device.name);
      node.dataset.state = device.state;
      const word = say(DEVICES[device.state] ?? device.state);
      // Of one that works there is nothing more to say: any detail would read as a fault.
      put(state, [...new Set([word, device.state !== "ok" && device.detail])].filter(Boolean).join(" · "));
    },
  };
});

const showRecent = keyed(recent, (each) => `${each.at}${each.text}`, () => {
  const at = el("time", { class: "number soft" });
  const text = el("span");
  const by = el("span", { class: "soft by" });
  return {
    node: el("li", {}, at, text, by),
    show(each) {
      put(at, clock(each.at));
      put(text, [each.text, each.reason].filter(Boolean).join(" · "));
      put(by, who(each.by));
    },
  };
});

/** Who did something, as people call them. */
function who(by) {
  const [kind, ...rest] = (by ?? "").split("/");
  if (kind === "counter") return say("page.console.by_counter", { counter: rest.join("/") });
  return rest.join("/") || kind;
}

addPart({
  arrange() {
    showDevices(view.devices);
    showRecent(view.recent);
    nothingRecent.hidden = view.recent.length > 0;
  },
});
