// The hall as the console sees it: the latest picture of it, and when what it shows may move.
//
// Nothing moves under a finger: while one is down nothing is rearranged, and while the sheet is open the lists keep
// their order; what changes in place (minutes, counts, marks) changes at once.

import { minutes, page, say } from "./common.js";

export const SETTLE = 300; // ms after a finger is lifted in which its tap is still to come
const HELD_AT_MOST = 10000; // ms after which a finger that never left is forgotten

export const STATES = {
  closed: "page.console.state_closed",
  open: "page.console.state_open",
  paused: "page.console.state_paused",
  called: "page.console.state_called",
  serving: "page.console.state_serving",
};

const serviceNames = Object.fromEntries(page.services.map((service) => [service.id, service.name]));
const classNames = Object.fromEntries(page.classes.map((each) => [each.id, each.name]));
export const usual = page.classes[0]?.id;
export const serviceName = (id) => serviceNames[id] ?? id;
export const className = (id) => classNames[id] ?? id;
export const counterName = (id) => say("page.console.counter", { counter: id });

export const main = document.getElementById("main");
export let view = null; // the latest picture
export const cancelling = new Map(); // ticket -> {send, withdraw, called}: to be cancelled in a moment

const WORST = 3; // tickets marked as the worst: if everybody is late, a page that is red all over says nothing

/** Whether somebody has waited longer than the branch's target; false while there is none. */
export const isLate = (since) => Boolean(view?.figures.target) && minutes(since) >= view.figures.target;

let worst = []; // of those who wait too long, the few who have waited longest

/** How bad a wait is: "worst" for the few who have waited longest beyond the target, "late" for the rest beyond it. */
export const gradeOf = (item) =>
  worst.includes(item.ticket) ? "worst" : isLate(item.since) ? "late" : "";

/** The same of a service, by the ticket that has waited longest for it. */
export const gradeOfService = (service) =>
  !service.longest || !isLate(service.longest) ? ""
    : view.waiting.some((item) => item.service === service.id && worst.includes(item.ticket)) ? "worst" : "late";

function rankWorst() {
  worst = view.waiting.filter((item) => isLate(item.since))
    .sort((one, other) => one.since - other.since).slice(0, WORST).map((item) => item.ticket);
}

/** What this browser remembers of how the page is used; nothing, where it may keep nothing. */
export function kept(name) {
  try {
    return localStorage.getItem(`lobby.console.${name}`);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`lobby.console.${name}`, value);
  } catch {
    // It holds until the page is left.
  }
}

const parts = [];
let keepsOrder = false; // one of the lists' tickets is being looked at
let fingers = 0; // ms of our clock until which nothing may move; Infinity while one is down
let fingerTimer;

/**
 * A part of the page, with what it does when: `hear` there is a new picture, `refresh` what it shows in place, `arrange`
 * what moves, `sort` what moves and is a list of tickets, `follow` all the others have been shown, `cover` when the sheet
 * is opened.
 */
export const addPart = (part) => parts.push(part);

function all(step) {
  for (const part of parts) part[step]?.();
}

/** Show the latest picture: what changes in place at once, what would move as soon as nothing is under a finger. */
export function show(next) {
  if (!next) return;
  view = next;
  all("hear");
  refresh();
  if (!fingers) arrange();
  all("follow");
}

/** What changes in place. */
export function refresh() {
  if (!view) return;
  rankWorst();
  all("refresh");
}

/** What moves. With the sheet open, only what is not a list of tickets. */
export function arrange() {
  all("arrange");
  if (!keepsOrder) all("sort");
}

/** Minutes go on while nothing is said. */
export function goOn() {
  refresh();
  if (view) all("follow");
}

/** The sheet is open: until it is closed the lists keep their order. */
export function keepOrder(keeps) {
  keepsOrder = keeps;
  if (keeps) all("cover");
  else if (view && !fingers) arrange();
}

// -- fingers -------------------------------------------------------------------------------------------------

function down() {
  clearTimeout(fingerTimer);
  fingers = Infinity;
  fingerTimer = setTimeout(lifted, HELD_AT_MOST);
}

function lifted() {
  clearTimeout(fingerTimer);
  fingerTimer = setTimeout(() => {
    fingers = 0;
    if (view) arrange();
  }, SETTLE);
}

const quiet = { capture: true, passive: true };
addEventListener("touchstart", down, quiet);
for (const end of ["touchend", "touchcancel"])
  addEventListener(end, (event) => event.touches.length === 0 && lifted(), quiet);
addEventListener("pointerdown", (event) => event.pointerType !== "touch" && down(), quiet);
for (const end of ["pointerup", "pointercancel"])
  addEventListener(end, (event) => event.pointerType !== "touch" && lifted(), quiet);
