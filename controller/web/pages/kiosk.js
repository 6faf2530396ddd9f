// The ticket screen: questions in large type, and a ticket in two touches.
import { ask, clock, el, fill, now, page, say, watch } from "./common.js";

const IDLE = 30000; // ms without a touch after which the next customer finds the first question
const PRINTED = 8000; // ms for which a number is shown that is on paper as well
const UNPRINTED = 25000; // ms for which one is shown that is nowhere else
const REFUSED = 6000;
const FORM = "form"; // chosen where the needs are, and no need itself: the customer has filled in theirs
const NEEDS = {
  form: "page.kiosk.need_form",
  time: "page.kiosk.need_time",
  glasses: "page.kiosk.need_glasses",
  change: "page.kiosk.need_change",
};

const time = el("time", { class: "clock" });
const branch = el("p", { class: "branch" }, page.branch);
const paper = el("p", { class: "notice paper", role: "status", hidden: true });
const asked = el("section", { class: "ask" });
const ways = el("div", { class: "ways" });
const needs = el("section", { class: "needs", "aria-label": say("page.kiosk.needs"), hidden: true });
document.getElementById("main").append(el("header", { class: "top" }, branch, time), paper, asked, ways, needs);

let view;
let path = []; // the way from the start: {question}, {choice} (one that advises), {slots: true}, {slot}
let chosen = new Set(); // what this customer needs, and whether their form is ready
let lately = performance.now(); // when the screen was last touched
let drawn = ""; // what stands on the screen, as text
let details = []; // writes anew what changes while a question stands there
let result = null; // what covers the screen now

// -- what can be chosen -----------------------------------------------------------------------------------------

const serviceOf = (id) => view.services.find((service) => service.id === id);
const slotOf = () => path.find((step) => step.slot)?.slot ?? "";

/** Whether an answer leads to a machine first; whoever has an appointment has come for a person. */
const advises = (choice) => Boolean(choice.advice) && !slotOf();

/** Whether an answer leads anywhere now: to a ticket, or to a machine, which knows no hours. */
function leads(choice, seen = []) {
  if (advises(choice)) return true;
  if (choice.service) return Boolean(serviceOf(choice.service)?.given);
  if (!choice.question || seen.includes(choice.question)) return false;
  return (view.triage.questions[choice.question]?.choices ?? []).some((next) => leads(next, [...seen, choice.question]));
}

/** How many wait for a service and how long it takes, or why there are no tickets for it. */
function detail(id, given) {
  const service = serviceOf(id);
  if (!given) return say("page.kiosk.not_given");
  if (!service) return "";
  const people = service.waiting ? say("page.kiosk.waiting", { n: service.waiting }) : say("page.kiosk.nobody");
  return [people, service.wait].filter(Boolean).join(" · ");
}

/** A large button; `about()` gives {text, disabled}, again with every picture. */
function answer(name, about, onclick) {
  const line = el("span", { class: "detail" });
  const button = el("button", { type: "button", onclick }, el("span", { class: "name" }, name), line);
  const write = () => {
    const { text = "", disabled = false } = about();
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
    button.disabled = disabled;
  };
  details.push(write);
  write();
  return button;
}

const MANY = 4; // answers; more of them stand closer together where the screen is wide
const grid = (buttons, kind = buttons.length > MANY ? "many" : "few") => el("div", { class: `choices ${kind}` }, buttons);

function choiceButton(choice) {
  return answer(choice.text, () => {
    const given = leads(choice);
    if (!given) return { text: say("page.kiosk.not_given"), disabled: true };
    return { text: choice.service && !advises(choice) ? detail(choice.service, given) : "" };
  }, () => {
    if (choice.question) go({ question: choice.question });
    else if (advises(choice)) go({ choice });
    else take({ choice: choice.id, insist: Boolean(choice.advice) });
  });
}

function serviceButton(service) {
  return answer(service.name, () => {
    const given = Boolean(serviceOf(service.id)?.given);
    return { text: detail(service.id, given), disabled: !given };
  }, () => take({ service: service.id }));
}

/** The screen that the customer's way has led to: what it asks, and its buttons. */
function screen() {
  const last = path.at(-1) ?? {};
  if (last.slots)
    return [
      say("page.kiosk.which_slot"),
      grid(view.slots.map((slot) => answer(slot, () => ({}), () => go({ slot }))), "times"),
    ];
  if (last.choice) {
    const { choice } = last;
    const given = () => Boolean(serviceOf(choice.service)?.given);
    return [
      say("page.kiosk.machine"), el("p", { class: "advice" }, choice.advice),
      grid([
        answer(say("page.kiosk.understood"), () => ({}), () => agree(choice)),
        answer(say("page.kiosk.insist"), () => ({ text: detail(choice.service, given()), disabled: !given() }),
          () => take({ choice: choice.id, insist: true })),
      ], "advised"),
    ];
  }
  const question = view.triage.questions[last.question ?? view.triage.start];
  if (question) return [question.text, grid(question.choices.map(choiceButton))];
  if (!view.services.length) return [say("page.kiosk.nothing")];
  return [say("page.kiosk.start"), grid(view.services.map(serviceButton))];
}

// -- what is shown ----------------------------------------------------------------------------------------------

function draw() {
  branch.textContent = view.branch;
  const problem = view.paper ? "" : say("page.kiosk.paper");
  if (paper.textContent !== problem) paper.textContent = problem;
  paper.hidden = view.paper;
  const names = view.services.map(({ id, name }) => [id, name]);
  const stands = JSON.stringify([path, view.triage, names, view.slots, view.needs]);
  if (stands === drawn) {
    // A button that is being touched must stay the same button.
    for (const write of details) write();
    return;
  }
  drawn = stands;
  details = [];
  const [question, ...parts] = screen();
  const slot = slotOf();
  fill(asked,
    slot && el("p", { class: "slot" }, say("page.kiosk.slot", { slot })),
    el("h2", { tabIndex: -1 }, question), ...parts);
  fill(ways,
    path.length > 0 && el("button", { type: "button", onclick: back }, say("page.kiosk.back")),
    !path.length && view.slots.length > 0
      && el("button", { type: "button", onclick: () => go({ slots: true }) }, say("page.kiosk.appointment")));
  asked.scrollTop = 0;
  needs.hidden = !view.services.length;
  fill(needs, el("p", { class: "label" }, say("page.kiosk.needs")), [FORM, ...view.needs].map((need) => el("button", {
    type: "button", "aria-pressed": String(chosen.has(need)),
    onclick(event) {
      if (!chosen.delete(need)) chosen.add(need);
      event.currentTarget.setAttribute("aria-pressed", String(chosen.has(need)));
    },
  }, say(NEEDS[need] ?? `needs.${need}`))));
}

function go(step) {
  path = [...path, step];
  turn();
}

function back() {
  path = path.slice(0, -1);
  turn();
}

function turn() {
  draw();
  asked.querySelector("h2").focus({ preventScroll: true });
}

/** For the next customer, who is somebody else. */
function restart() {
  path = [];
  chosen = new Set();
  drawn = "";
  if (view) turn();
}

// -- a ticket ---------------------------------------------------------------------------------------------------

let busy = false;

/** Ask for a ticket, once however often the button is touched; the answer, or null for a touch too many. */
async function request(content) {
  if (busy) return null;
  busy = true;
  cover({ kind: "busy", title: say("page.kiosk.asking") });
  try {
    const about = { form: chosen.has(FORM), needs: [...chosen].filter((need) => need !== FORM) };
    return await ask("POST", "/api/tickets", { ...content, ...about, ...(slotOf() ? { slot: slotOf() } : {}) });
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
    const queue = [lineOf(given.ahead), expected(given.wait)].filter(Boolean).join(" · ");
    if (given.printed) cover({ ...about, kind: "is-printed", text: say("page.kiosk.take_paper"), lasts: PRINTED });
    else cover({ ...about, kind: "on-screen", text, queue, code, lasts: UNPRINTED });
  }
}

/** How many are before a new ticket; it may not be known. */
function lineOf(ahead) {
  if (typeof ahead !== "number") return "";
  return ahead ? say("page.kiosk.ahead", { n: ahead }) : say("page.kiosk.ahead_none");
}

/** How long it is expected to take, where that is known and not at once. */
const expected = (wait) => (/\d/.test(wait ?? "") ? say("page.kiosk.expected", { wait }) : "");

const choiceOf = (id) =>
  Object.values(view.triage.questions).flatMap((question) => question.choices).find((choice) => choice.id === id);
const refuse = (text) => cover({ kind: "refused", title: text, lasts: REFUSED });

/** What covers the screen for `lasts` ms, or until it is replaced. */
function cover({ kind, title, id, service, text, queue, code, lasts = 0 }) {
  result?.close();
  const bar = lasts > 0 && el("i");
  const box = el("section", { class: `result ${kind}`, role: kind === "refused" ? "alert" : "status" },
    el("h2", { tabIndex: -1 }, title),
    el("div", { class: "beside" },
      code && el("img", { class: "qr", src: code, alt: say("page.kiosk.qr"), draggable: false, onerror: lacking }),
      id && el("p", { class: "id" }, id)),
    service && el("p", { class: "service" }, service),
    queue && el("p", { class: "queue" }, queue),
    text && el("p", { class: "say" }, text),
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
  const text = clock(now());
  if (time.textContent !== text) time.textContent = text;
  if (view && !result && (path.length || chosen.size) && performance.now() - lately > IDLE) restart();
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
  view = picture;
  draw();
});
