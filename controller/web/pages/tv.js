// The television on the wall: nobody touches it, so that it has to look after itself.
import { bar, clock, el, fill, now, page, put, say, watch } from "./common.js";
import { hush, media, show as showMedia } from "./tv_media.js";
import { columns, fit, shrink } from "./tv_room.js";
import { forget, hear, isFresh, onSpeaking, sound, state } from "./tv_speech.js";

const TURN = 8000; // ms after which the next notices are shown
const MANY = 6; // services, beyond which they get some of the call's room
const LONG = 14; // letters of a word, beyond which it may be broken
const OLD = 180000; // ms without a word from the controller after which nothing of it is shown any more
const NO_ZONE = 60000; // ms after which a page of a zone that there is not asks again

// -- what is shown ----------------------------------------------------------------------------------------------

const branch = el("p", { class: "branch" }, page.branch);
const time = el("time", { class: "clock" });
const newest = el("section", { class: "now", "aria-live": "polite", "aria-atomic": "true" });
const counters = el("ol");
const soon = el("ol");
const services = el("div", { class: "tables" });
const waiting = el("section", { class: "panel waiting", "aria-label": say("page.tv.people") }, services);
const notices = el("ul", { class: "notices", "aria-live": "polite", "aria-label": say("page.tv.notices"), hidden: true });
const missed = el("section", { class: "missed", "aria-live": "polite", hidden: true });
const panel = (name, title, list) => el("section", { class: `panel ${name}` }, el("h2", {}, title), list);
const lines = panel("counters", say("page.tv.counters"), counters);
const closed = el("section", { class: "closed", hidden: true });
const left = el("div", { class: "left" }, newest, waiting);
const right = el("div", { class: "right" }, lines, panel("soon", say("page.tv.soon"), soon), media);
const main = document.getElementById("main");
main.append(
  el("header", { class: "top" }, branch, sound, time), left, right, closed, el("div", { class: "foot" }, missed, notices));

const shown = new Map(); // part of the screen -> what it shows, as text: what has not changed is left alone
let view;
let turns = 0;
let missedTurn = false; // whether those who missed a call do not fit on one line together
let isLong = false; // whether the notices of this turn do not fit on two lines together
let lostSince = 0; // since when nothing is heard, ms since 1970; 0: something is

function changed(part, content) {
  const text = JSON.stringify(content);
  if (shown.get(part) === text) return false;
  shown.set(part, text);
  return true;
}

/** A counter as people say it, its number larger than the words around it. */
function where(counter) {
  const [before, after = ""] = say("page.tv.counter").split("{counter}");
  return [el("span", {}, before), el("strong", {}, counter), el("span", {}, after)];
}

const arrow = () => el("span", { class: "arrow", "aria-hidden": "true" }, "→");

/** A date as people of the branch's language write it, with its weekday. */
const date = (at) =>
  new Intl.DateTimeFormat(page.language === "zh" ? "zh-CN" : "en-GB", {
    weekday: "long", day: "numeric", month: "long", timeZone: page.timezone,
  }).format(at);

function draw() {
  if (!view) return;
  put(branch, [view.branch, view.zone].filter(Boolean).join(" · "));
  document.body.classList.toggle("is-old", Boolean(lostSince) && now() - lostSince > OLD);
  drawClosed();
  drawNewest();
  if (changed("soon", view.soon)) fill(soon, (view.soon.length ? view.soon : ["—"]).map((ticket) => el("li", {}, ticket)));
  showMedia(view.media, Boolean(lostSince || view.closed));
  arrange();
}

/** The call in large type for as long as the controller says; between calls, what fits any moment. */
function drawNewest() {
  const call = view.large && now() < view.large.until ? view.large : null;
  if (changed("now", call ?? date(now()))) {
    if (call)
      fill(newest,
        el("h2", { class: "seen-only-by-readers" }, say("page.tv.now")),
        el("p", { class: "ticket" }, call.ticket), el("p", { class: "where" }, arrow(), ...where(call.counter)));
    else
      fill(newest,
        el("p", { class: "welcome" }, say("page.tv.welcome")), el("p", { class: "date" }, date(now())),
        el("p", { class: "take" }, say("page.tv.take")));
  }
  newest.classList.toggle("fresh", Boolean(call) && isFresh(call));
}

/** After hours: when the branch opens next, in place of everything but the notices. */
function drawClosed() {
  closed.hidden = !view.closed;
  main.classList.toggle("is-closed", Boolean(view.closed));
  if (!view.closed || !changed("closed", [view.closed, date(now())])) return;
  const { opens } = view.closed;
  fill(closed,
    el("p", { class: "welcome" }, say("page.tv.closed")),
    opens ? el("p", { class: "opens" }, say("page.tv.opens")) : null,
    el("p", { class: "when" }, opens ? when(opens) : say("page.tv.opens_unknown")));
}

function when(opens) {
  const about = { date: date(opens), time: clock(opens) };
  if (about.date === date(now())) return say("page.tv.opens_today", about);
  return say(about.date === date(now() + 24 * 3600 * 1000) ? "page.tv.opens_tomorrow" : "page.tv.opens_later", about);
}

/** A line for each counter that is not closed, in their order; the one of the call in large type is lit. */
function showCounters() {
  const call = view.large && now() < view.large.until ? view.large : null;
  const rows = view.counters.filter((counter) => counter.state !== "closed");
  const fresh = rows.map(({ id, ticket, at }) => isFresh({ ticket, counter: id, at }));
  if (!changed("counters", [rows, call?.counter, fresh, ...room()])) return;
  fill(counters, rows.length ? rows.map((counter, place) =>
    el("li", {
      "data-state": counter.state, "data-counter": counter.id,
      class: [counter.id === call?.counter && "lit", fresh[place] && "fresh"].filter(Boolean).join(" "),
    },
    el("span", { class: "where" }, ...where(counter.id)), counter.ticket ? arrow() : el("span", { class: "arrow" }),
    el("span", { class: "ticket" }, counter.ticket || (counter.state === "paused" ? say("page.tv.paused") : "—")))
  ) : el("li", { class: "none" }, say("page.tv.no_counter")));
  columns(lines, 3, (count) => {
    counters.style.setProperty("--columns", count);
    counters.classList.toggle("compact", count > 1); // side by side, the number says it
    counters.style.setProperty("--rows", Math.ceil(rows.length / count));
  }, () => [...counters.children]);
}

/** All services, however many there are. */
function showServices() {
  waiting.hidden = !view.services.length;
  if (!changed("services", [view.services, ...room()])) return;
  const head = () =>
    el("thead", {}, el("tr", {},
      el("th", { scope: "col" }, say("page.tv.waiting")), el("th", { scope: "col", class: "people" }, say("page.tv.people")),
      el("th", { scope: "col", class: "wait" }, say("page.tv.wait"))));
  const row = (service) =>
    el("tr", {}, el("th", { scope: "row", class: service.name.split(" ").some((word) => word.length > LONG) ? "long" : null }, service.name),
      el("td", { class: "people" }, String(service.waiting)), el("td", { class: "wait" }, service.wait || "—"));
  columns(waiting, view.services.length > 3 ? 2 : 1, (count) => {
    const each = Math.ceil(view.services.length / count);
    services.style.setProperty("--columns", count);
    fill(services, Array.from({ length: count }, (_, column) =>
      el("div", {}, el("table", {}, head(),
        el("tbody", {}, view.services.slice(column * each, (column + 1) * each).map(row))))));
  }, () => [...services.children]);
}

/** What the room of the parts in the middle depends on, beside what is in them. */
const room = () => [innerWidth, main.clientHeight, notices.clientHeight, missed.clientHeight, media.hidden];

/**
 * Who missed a call and may still come back, until when, and whom they have to see: nothing else in the hall says so.
 * On one line; those for whom there is no room take turns.
 */
function showMissed() {
  const back = view.missed.filter(({ until }) => until > now());
  missed.hidden = !back.length || Boolean(view.closed);
  if (missed.hidden || !changed("missed", [back, missedTurn ? turns : 0, innerWidth, innerHeight])) return;
  missed.style.fontSize = "";
  const list = el("ul", {}, back.map(({ ticket, until }) =>
    el("li", {}, el("strong", {}, ticket), say("page.tv.missed_until", { time: clock(until) }))));
  const part = el("span", { class: "turn" });
  fill(missed, el("h2", {}, say("page.tv.missed")), list, part);
  const rows = [...list.children];
  const overflows = () => list.scrollWidth > list.clientWidth;
  missedTurn = overflows();
  if (!missedTurn) return;
  put(part, "00/00"); // as wide as it may become
  let fitting = rows.length;
  while (fitting > 1 && overflows()) rows[--fitting].hidden = true;
  fit([list], missed);
  const pages = Math.ceil(rows.length / fitting);
  const at = turns % pages;
  rows.forEach((row, place) => (row.hidden = Math.floor(place / fitting) !== at));
  put(part, pages > 1 ? `${at + 1}/${pages}` : "");
}

/** What depends on the room there is: sizes, and how many notices are shown at a time. */
function arrange() {
  if (!view) return;
  showMissed();
  showNotices();
  if (view.closed) {
    for (const line of closed.children) fit([line]);
    return;
  }
  main.classList.toggle("many", view.services.length > MANY);
  lines.style.setProperty("--weight", 2 + view.counters.filter(({ state }) => state !== "closed").length / 2);
  waiting.style.setProperty("--weight", 2 + view.services.length);
  showServices();
  newest.style.setProperty("--h", `${newest.clientHeight}px`);
  for (const line of newest.querySelectorAll(".ticket, .where, .welcome, .date")) fit([line]);
  showCounters();
  fit([soon]);
}

/** Two short notices, or a long one on its own; more take turns. None is cut. */
function showNotices() {
  const all = [...view.notices, ...view.posted.filter(({ until }) => until > now()).map(({ text }) => text)];
  notices.hidden = !all.length;
  if (!all.length) {
    shown.delete("notices");
    return;
  }
  if (!changed("notices", [all, all.length > 2 || isLong ? turns : 0, innerWidth, innerHeight])) return;
  const list = (texts) => fill(notices, texts.map((text) => el("li", {}, text)));
  const at = turns % all.length;
  notices.style.setProperty("--scale", 1);
  list(all.length > 2 ? [all[at], all[(at + 1) % all.length]] : all);
  isLong = all.length > 1 && notices.scrollHeight > parseFloat(getComputedStyle(notices).lineHeight) * 2.9;
  if (isLong) list([all[at]]);
  shrink(notices);
}

// -- as long as it hangs there ----------------------------------------------------------------------------------

/** Nothing is heard: what is shown is old, and people are told what to do about it. */
function stale(from) {
  bar(from);
  lostSince = from;
  if (from) {
    document.getElementById("stale").append(el("span", { class: "do" }, say("page.tv.stale_do")));
    if (lost !== null) lost = true;
    forget();
  }
  draw();
}

let lost = null;

function begin() {
  const query = page.zone ? `?zone=${encodeURIComponent(page.zone)}` : "";
  watch(`/api/television/live${query}`, (picture) => {
    if (!picture) return location.reload(); // the zone is gone: the page says so
    view = picture;
    hear(view, lost);
    lost = false;
    draw();
  }, { stale, state, ends: true });
  setInterval(draw, 1000); // what was fresh a moment ago is not any more
  setInterval(() => {
    turns++;
    arrange();
  }, TURN);
  addEventListener("resize", arrange);
  document.fonts?.ready.then(() => {
    shown.clear();
    arrange();
  });
  onSpeaking(hush);
}

/** The address names a zone that there is not. */
function complain() {
  fill(closed, el("p", { class: "welcome" }, page.noZone));
  closed.hidden = false;
  main.classList.add("is-closed");
  setInterval(() => fetch("/api/session").then((answer) => answer.ok && location.reload(), () => {}), NO_ZONE);
}

function tick() {
  put(time, clock(now()));
}

tick();
setInterval(tick, 1000);
if (page.noZone) complain();
else begin();
