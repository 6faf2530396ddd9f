// The time of the simulated people, in the virtual lobby.
import { ask, el, page, put, say } from "./common.js";

/** The lobby's time, how fast it runs, and a button that stops it. `on`: does something with every view. */
export function time(on) {
  const { speeds: offered } = page.lobby;
  const send = (wanted) => ask("POST", "/lobby/time", wanted);
  const now = el("strong", { class: "now" });
  const stop = el("button", { class: "stop-time", onclick: () => send({ stopped: stop.ariaPressed !== "true" }) });
  const speeds = offered.map((speed) =>
    el("button", { "data-speed": speed, "aria-label": `${say("time.speed")} ${say("time.times", { n: speed })}`, onclick: () => send({ speed }) },
      say("time.times", { n: speed })));
  const made = el("div", { class: "time", role: "group", "aria-label": say("time.title") }, now, stop, el("div", { class: "speeds" }, speeds));
  on(({ time: { now: shown, speed, rate, stopped } }) => {
    put(now, shown);
    stop.ariaPressed = String(stopped);
    put(stop, say(stopped ? "time.go" : "time.stop"));
    now.title = stopped ? say("time.stopped") : say("time.times", { n: rate });
    made.classList.toggle("stopped", stopped);
    speeds.forEach((button, place) => (button.ariaPressed = String(offered[place] === speed)));
  });
  return made;
}
