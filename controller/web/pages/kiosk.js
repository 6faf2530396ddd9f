// The ticket screen: questions in large type, in the customer's language, and a ticket in two touches.
import { ask, clock, el, fill, languageButton, now, page, put, say, sizeButton, speak, watch } from "./common.js";
import { icon } from "./icons.js";

const IDLE = 30000; // ms without a touch after which the next customer finds all as it was, in the branch's language
const PRINTED = 10000; // ms for which a number is shown that is on paper as well
const UNPRINTED = 25000; // ms for which one is shown that is nowhere else
const REFUSED = 6000;
const FORM = "form"; // chosen where the needs are, and no need itself: the customer has filled in theirs
const NEEDS = {
  form: "page.kiosk.need_form",
  time: "page.kiosk.need_time",
  glasses: "page.kiosk.need_glasses",
  change: "page.kiosk.need_change",
};
const GONE = {
  late: ["page.kiosk.slot_late", "page.kiosk.missed_slot", "page.kiosk.missed_slot_hint"],
  full: ["page.kiosk.slot_full", "page.kiosk.full_slot", "page.kiosk.full_slot_hint"],
}; // of a slot that cannot check in: why, and what to do

const usual = page.language;
const time = el("time", { class: "clock" });
const branch = el("p", { class: "branch" }, page.branch);
const paper = el("p", { class: "notice paper", role: "status", hidden: true });
const card = el("p", { class: "notice card", role: "status", hidden: true });
const asked = el("section", { class: "ask" });
const ways = el("div", { class: "ways" });
const needs = el("section", { class: "needs", hidden: true });
const size = sizeButton((large) => {
  size.write(large);
  draw();
});
const language = languageButton(draw);
document.getElementById("main").append(
  el("header", { class: "top" }, branch, time, el("div", { class: "tools" }, size.button, language.button)),
  paper, card, asked, ways, needs);

let told; // the last picture
let view; // the same in the language of the page
let path = []; // the way from the start: {question}, {advice} (an answer's), {slots: true}, {slot}, {gone} (a slot)
let chosen = new Set(); // what this customer needs, and whether their form is ready
let lately = performance.now(); // when the screen was last touched
let drawn = ""; // what stands on the screen, as text
let details = []; // writes anew what changes while a question stands there
let result = null; // what covers the screen now

// -- what can be chosen -----------------------------------------------------------------------------------------

const serviceOf = (id) => view.services.find((service) => service.id === id);
const slotOf = () => path.find((step) => step.slot)?.slot ?? "";
const choiceOf = (id) =>
  Object.values(view.triage.questions).flatMap((question) => question.choices).find((choice) => choice.id === id);

const answersTo = (question) => view.triage.questions[question]?.choices ?? [];

/** Whether an answer leads to a machine first; whoever has an appointment has come for a person. */
const advises = (choice) => Boolean(choice.advice) && !slotOf();

/** Whether an answer leads anywhere now: to a ticket, or to a machine, which knows no hours. */
function leads(choice, seen = []) {
  if (advises(choice)) return true;
  if (choice.service) return Boolean(serviceOf(choice.service)?.given);
  if (!choice.question || seen.includes(choice.question)) return false;
  return answersTo(choice.question).some((next) => leads(next, [...seen, choice.question]));
}

/** The first service that an answer leads to, whose picture and colour it has. */
function serviceBehind(choice, seen = []) {
  if (choice.service) return serviceOf(choice.service);
  if (!choice.question || seen.includes(choice.question)) return undefined;
  return answersTo(choice.question).map((next) => serviceBehind(next, [...seen, choice.question])).find(Boolean);
}

/** How many come before whoever takes a ticket for a service, and how long it takes; or why there are none. */
function detail(id) {
  const service = serviceOf(id);
  if (!service?.given) return service?.closed || say("page.kiosk.not_given");
  return [lineOf(service.ahead), expected(service.wait) || service.wait].filter(Boolean).join(" · ");
}

/** A large button, perhaps with the look of a service; `about()` gives {text, disabled}, again with every picture. */
function answer(name, about, onclick, look) {
  const line = el("span", { class: "detail" });
  const button = el("button", { type: "button", onclick, class: look && `service-${look.color}` },
    look && icon(look.icon), el("span", { class: "words" }, el("span", { class: "name" }, name), line));
  const write = () => {
    const { text = "", disabled = false } = about();
    put(line, text);
    line.hidden = !text;
    button.disabled = disabled;
  };
  details.push(write);
  write();
  return button;
}

const MANY = 4; // answers; more of them stand closer together
const inLandscape = (count) => (count < 4 ? count : [0, 0, 0, 0, 2, 3, 3, 4, 4, 3, 4, 4, 4][count] ?? 5);
const inPortrait = (count) => (count <= MANY ? 1 : count < 13 ? 2 : 3);

/** At most so many columns, such that the last row is hardly shorter than the others. */
const columns = (count, most) => Math.ceil(count / Math.ceil(count / most));

/** Buttons that fill what there is, in equal rows: those of a last row that is shorter are wider. */
function grid(buttons, kind = buttons.length > MANY ? "many" : "few") {
  const box = el("div", { class: `choices ${kind}` }, buttons);
  const [count, more] = [buttons.length, kind === "times" ? 1 : 0]; // times are short
  for (const [way, most] of [["wide", inLandscape(count) + more], ["tall", inPortrait(count) + more]]) {
    const full = columns(count, most);
    const last = count % full || full;
    box.style.setProperty(`--${way}`, full * last);
    buttons.forEach((button, n) => button.style.setProperty(`--${way}-span`, n < count - last ? last : full));
  }
  return box;
}

const LARGER = 1.28; // how much larger text is where somebody asks for it ..
const SMALLEST = 0.7; // .. and the least size of text where much has to find room
const HAND = 480; // CSS pixels of width of what is held in a hand, where one swipes

/** As large as text may be so that all of it can be seen at once, and no word is broken. */
function fit() {
  const root = document.documentElement;
  let zoom = root.classList.contains("large") ? LARGER : 1;
  const set = () => root.style.setProperty("--zoom", zoom);
  const overflows = () =>
    asked.scrollHeight > asked.clientHeight + 1
    || [...asked.querySelectorAll(".words")].some((words) => words.scrollWidth > words.clientWidth + 1);
  root.classList.remove("tight");
  set();
  while (innerWidth > HAND && zoom > SMALLEST && overflows()) {
    zoom = Math.max(SMALLEST, zoom - 0.06);
    set();
  }
  root.classList.toggle("tight", overflows());
}

function choiceButton(choice) {
  return answer(choice.text, () => {
    if (choice.service && !advises(choice)) return { text: detail(choice.service), disabled: !leads(choice) };
    return leads(choice) ? {} : { text: say("page.kiosk.not_given"), disabled: true };
  }, () => {
    if (choice.question) go({ question: choice.question });
    else if (advises(choice)) go({ advice: choice.id });
    else take({ choice: choice.id, insist: Boolean(choice.advice) });
  }, serviceBehind(choice));
}

function serviceButton(service) {
  return answer(service.name, () => ({ text: detail(service.id), disabled: !serviceOf(service.id)?.given }),
    () => take({ service: service.id }), service);
}

function slotButton({ slot, state }) {
  const [why] = GONE[state] ?? [];
  const button = answer(slot, () => ({ text: why && say(why) }), () => go(why ? { gone: slot, state } : { slot }));
  button.classList.toggle("past", Boolean(why));
  return button;
}

/** The screen that the customer's way has led to: what it asks, and its buttons. */
function screen() {
  if (view.emergency) return [say("page.kiosk.roll_title"), el("p", { class: "advice" }, view.emergency)];
  const last = path.at(-1) ?? {};
  if (last.slots) return [say("page.kiosk.which_slot"), grid(view.slots.map(slotButton), "times")];
  if (last.gone) {
    const [, title, hint] = GONE[last.state];
    return [
      say(title, { slot: last.gone }), el("p", { class: "advice" }, say(hint)),
      grid([answer(say("page.kiosk.ordinary"), () => ({}), () => afresh())], "advised"),
    ];
  }
  if (last.advice) {
    const choice = choiceOf(last.advice);
    return [
      say("page.kiosk.machine"), el("p", { class: "advice" }, choice.advice),
      grid([
        answer(say("page.kiosk.understood"), () => ({}), () => agree(choice)),
        answer(say("page.kiosk.insist"), () => ({
          text: detail(choice.service), disabled: !serviceOf(choice.service)?.given,
        }), () => take({ choice: choice.id, insist: true })),
      ], "advised"),
    ];
  }
  const question = view.triage.questions[last.question ?? view.triage.start];
  if (question) return [question.text, grid(question.choices.map(choiceButton))];
  if (!view.services.length) return [say("page.kiosk.nothing")];
  return [say("page.kiosk.start"), grid(view.services.map(serviceButton))];
}

/** What is said of the card that was shown beside this screen: it counts for the next ticket. */
function cardSays() {
  if (view.card === "unread") return say("page.kiosk.card_unread");
  if (!view.card) return "";
  return view.card_class ? say("page.kiosk.card_class", { class: view.card_class }) : say("page.kiosk.card_read");
}

// -- what is shown ----------------------------------------------------------------------------------------------

function draw() {
  if (!told) return;
  view = { ...told, ...told.in[page.language] };
  put(branch, view.branch);
  const fine = view.paper || Boolean(view.emergency);
  put(paper, fine ? "" : say("page.kiosk.paper"));
  paper.hidden = fine;
  put(card, cardSays());
  card.hidden = !view.card;
  card.dataset.card = view.card;
  const names = view.services.map(({ id, name }) => [id, name]);
  const stands = JSON.stringify([page.language, path, view.triage, names, view.slots, view.needs, view.emergency]);
  if (stands === drawn) {
    // A button that is being touched must stay the same button.
    for (const write of details) write();
    fit();
    return;
  }
  drawn = stands;
  details = [];
  language.write();
  size.write();
  document.title = `${say("page.title.kiosk")} · ${view.branch}`;
  const [question, ...parts] = screen();
  const slot = slotOf();
  fill(asked,
    slot && el("p", { class: "slot" }, say("page.kiosk.slot", { slot })),
    el("h2", { tabIndex: -1 }, question), ...parts);
  fill(ways, view.emergency ? [] : [
    path.length > 0 && el("button", { type: "button", onclick: back }, say("page.kiosk.back")),
    !path.length && view.slots.length > 0
      && el("button", { type: "button", onclick: () => go({ slots: true }) }, say("page.kiosk.appointment"))]);
  asked.scrollTop = 0;
  needs.hidden = !view.services.length || Boolean(view.emergency);
  needs.setAttribute("aria-label", say("page.kiosk.needs"));
  fill(needs, el("p", { class: "label" }, say("page.kiosk.needs")), [FORM, ...view.needs].map((need) => el("button", {
    type: "button", "aria-pressed": String(chosen.has(need)),
    onclick(event) {
      if (!chosen.delete(need)) chosen.add(need);
      event.currentTarget.setAttribute("aria-pressed", String(chosen.has(need)));
    },
  }, say(NEEDS[need] ?? `needs.${need}`))));
  fit();
}

addEventListener("resize", () => view && fit());

function go(step) {
  path = [...path, step];
  turn();
}

function back() {
  path = path.slice(0, -1);
  turn();
}

function afresh() {
  path = [];
  turn();
}

function turn() {
  draw();
  asked.querySelector("h2")?.focus({ preventScroll: true });
}

/** For the next customer, who is somebody else. */
function restart() {
  chosen = new Set();
  drawn = "";
  speak(usual);
  size.write(false);
  afresh();
}

/** Whether the screen is not as the next customer should find it. */
const isTouched = () =>
  path.length > 0 || chosen.size > 0 || page.language !== usual || document.documentElement.classList.contains("large");

// -- a ticket ---------------------------------------------------------------------------------------------------

let busy = false;

/** Ask for a ticket, once however often the button is touched; the answer, or null for a touch too many. */
async function request(content) {
  if (busy) return null;
  busy = true;
  cover({ kind: "busy", title: say("page.kiosk.asking") });
  try {
    const about = { form: chosen.has(FORM), needs: [...chosen].filter((need) => need !== FORM) };
    const slot = slotOf() ? { slot: slotOf() } : {};
    return await ask("POST", "/api/tickets", { ...content, ...about, ...slot, language: page.language });
  } finally {
    busy = false;
  }
}

async function take(content) {
  const service = serviceOf(content.service ?? choiceOf(content.choice)?.service)?.name ?? "";
  const given = await request(content);
  if (given) tell(given, service);
}

/** The customer goes to the machine: that is counted, and nothing more is to be shown. */
async function agree(choice) {
  const given = await request({ choice: choice.id });
  if (!given) return;
  if (given.result === "ok" && !given.ticket) uncover();
  else tell(given, serviceOf(choice.service)?.name ?? "");
}

function tell(given, service) {
  if (given.result !== "ok" || !given.ticket) refuse(given.text);
  else {
    const about = { title: say("page.kiosk.number"), id: given.ticket, service };
    const code = page.url && given.page ? `${given.page}/qr.svg` : "";
    const text = say(code ? "page.kiosk.remember" : "page.kiosk.remember_only");
    const queue = [lineOf(given.ahead), expected(given.wait)].filter(Boolean);
    const next = { queue, where: say("page.kiosk.please_wait") };
    if (given.printed)
      cover({ ...about, ...next, kind: "is-printed", text: say("page.kiosk.take_paper"), lasts: PRINTED });
    else cover({ ...about, ...next, kind: "on-screen", text, code, lasts: UNPRINTED });
  }
}

/** How many are before a new ticket; it may not be known. */
function lineOf(ahead) {
  if (typeof ahead !== "number") return "";
  return ahead ? say("page.kiosk.ahead", { n: ahead }) : say("page.kiosk.ahead_none");
}

/** How long it is expected to take, where that is known and not at once. */
const expected = (wait) => (/\d/.test(wait ?? "") ? say("page.kiosk.expected", { wait }) : "");

const refuse = (text) => cover({ kind: "refused", title: text, lasts: REFUSED });

/** What covers the screen for `lasts` ms, or until it is replaced. */
function cover({ kind, title, id, service, text, queue, where, code, lasts = 0 }) {
  result?.close();
  const bar = lasts > 0 && el("i");
  const box = el("section", { class: `result ${kind}`, role: kind === "refused" ? "alert" : "status" },
    el("h2", { tabIndex: -1 }, title),
    el("div", { class: "beside" },
      code && el("img", { class: "qr", src: code, alt: say("page.kiosk.qr"), draggable: false, onerror: lacking }),
      id && el("p", { class: "id" }, id)),
    service && el("p", { class: "service" }, service),
    queue && el("p", { class: "queue" }, queue.map((part, n) => [n > 0 && " · ", el("span", {}, part)]).flat()),
    text && el("p", { class: "say" }, text),
    where && el("p", { class: "where" }, where),
    lasts > 0 && el("button", { type: "button", onclick: uncover }, say("page.kiosk.done")),
    bar && el("div", { class: "bar", "aria-hidden": "true" }, bar));
  document.body.append(box);
  box.querySelector("h2").focus({ preventScroll: true });
  for (const part of document.getElementById("main").children) part.inert = true;
  const running = bar && bar.animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: lasts });
  const timer = lasts > 0 && setTimeout(uncover, lasts);
  result = {
    close() {
      if (running) running.cancel();
      clearTimeout(timer);
      box.remove();
      for (const part of document.getElementById("main").children) part.inert = false;
      result = null;
    },
  };
}

/** Without its picture there is nothing to scan. */
function lacking(event) {
  event.target.remove();
  document.querySelector(".result .say").textContent = say("page.kiosk.remember_only");
}

function uncover() {
  result?.close();
  restart();
}

// -- as long as it stands there ---------------------------------------------------------------------------------

function tick() {
  put(time, clock(now()));
  if (view && !result && isTouched() && performance.now() - lately > IDLE) restart();
}

for (const touched of ["pointerdown", "keydown"]) addEventListener(touched, () => (lately = performance.now()), true);
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (result && !busy) uncover();
  else if (!result && path.length) back();
});
for (const unwanted of ["contextmenu", "selectstart", "dragstart", "gesturestart"])
  addEventListener(unwanted, (event) => event.preventDefault());
addEventListener("wheel", (event) => event.ctrlKey && event.preventDefault(), { passive: false });

tick();
setInterval(tick, 1000);
watch("/api/kiosk/live", (picture) => {
  told = picture;
  draw();
});
