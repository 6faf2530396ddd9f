// Emergencies (应急): the plan for each failure, declaring and ending one, and entering numbers of the paper roll.

import { clock, el, fill, page, put, say } from "./common.js";
import { act } from "./console_deeds.js";
import { addPart, className, serviceName, usual, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";
import { sheet } from "./console_sheet.js";

let chosen = ""; // the failure whose plan is shown

/** Opens them; in the page's head. */
export const emergency = el("button", { type: "button", class: "quiet", "aria-haspopup": "dialog", onclick: () => openPlan("", emergency) },
  say("page.console.emergency"));

addPart({ refresh: () => emergency.classList.toggle("is-on", Boolean(view.emergency.on)) });

const planOf = (id) => view.emergency.plans.find((plan) => plan.id === id);

/** Open the sheet with the plan for a failure, else with the one that is followed. */
export function openPlan(failure, from) {
  if (!view) return;
  chosen = failure || view.emergency.on || chosen || view.emergency.plans[0]?.id;
  sheet.open("emergency", { ticket: "" }, say("page.console.emergency"), from);
  fill(sheet.body, plans(), ...(view.emergency.rolls.length ? [rolls(), entered()] : [
    el("p", { class: "soft" }, say("page.console.roll_none"))]));
}

function plans() {
  const chips = view.emergency.plans.map((plan) => el("button", {
    type: "button", class: "chip", onclick: () => {
      chosen = plan.id;
      show();
    },
  }, plan.name));
  const steps = el("ol", { class: "steps" });
  const tells = el("p", { class: "soft" });
  const takes = el("p", { class: "soft" });
  const declare = el("button", {
    type: "button", class: "main", onclick: () => act({ key: "EMERGENCY", plan: chosen }, declare),
  }, say("page.console.emergency_declare"));
  const end = el("button", { type: "button", class: "main", onclick: () => act({ key: "ENDEMERGENCY" }, end) },
    say("page.console.emergency_end"));
  function show() {
    const { on, since, plans: all, rolls: some } = view.emergency;
    const plan = planOf(chosen) ?? all[0];
    put(sheet.about, on
      ? say("page.console.emergency_on", { plan: planOf(on)?.name ?? on, time: clock(since) })
      : say("page.console.emergency_off"));
    chips.forEach((chip, n) => chip.setAttribute("aria-pressed", String(all[n].id === plan.id)));
    fill(steps, plan.steps.map((step) => el("li", {}, step)));
    put(tells, say("page.console.emergency_tells", { notice: plan.notice }));
    put(takes, plan.roll && some.length ? say("page.console.emergency_takes") : "");
    declare.hidden = on === plan.id;
    end.hidden = !on;
  }
  sheet.keep(show);
  return el("section", { class: "group" },
    el("h3", {}, say("page.console.emergency_which")), el("div", { class: "chips" }, chips),
    el("h4", {}, say("page.console.emergency_steps")), steps, tells, takes,
    el("div", { class: "choices large" }, declare, end));
}

const input = (key) => el("input", {
  type: "text", class: "search", maxLength: 40, autocomplete: "off", autocapitalize: "characters", spellcheck: false,
  "aria-label": say(key), placeholder: say(key),
});

/** Of some things one is chosen, the first beforehand; nothing where there is no choice. */
function oneOf(label, items) {
  let id = items[0]?.id ?? "";
  const chips = items.map((item) => el("button", {
    type: "button", class: "chip", "aria-pressed": String(item.id === id), onclick: () => {
      id = item.id;
      chips.forEach((chip, n) => chip.setAttribute("aria-pressed", String(items[n].id === id)));
    },
  }, item.name));
  return { node: el("div", { class: "chips", role: "group", "aria-label": label }, chips), id: () => id };
}

function rolls() {
  const numbers = input("page.console.roll_numbers");
  const time = input("page.console.roll_time");
  const service = oneOf(say("page.console.services"), [
    ...(view.emergency.rolls.some((roll) => roll.service) ? [{ id: "", name: say("page.console.roll_own") }] : []),
    ...page.services,
  ]);
  const klass = oneOf(say("page.console.classes"), page.classes.map((each) => ({ ...each, name: className(each.id) })));
  const of = () => ({
    key: "ROLL", numbers: numbers.value.trim(), time: time.value.trim(), service: service.id(),
    class: klass.id() === usual ? "" : klass.id(),
  });
  const enter = (served, label) => {
    const button = el("button", {
      type: "button", class: "go", onclick: () => act({ ...of(), served }, button),
    }, label);
    return button;
  };
  const buttons = [
    enter(false, say("page.console.roll_waiting")), enter(true, say("page.console.roll_served")),
  ];
  const allow = () => buttons.forEach((button) => (button.disabled = !numbers.value.trim()));
  numbers.addEventListener("input", allow);
  allow();
  return el("section", { class: "group roll" },
    el("h3", {}, say("page.console.roll_enter")),
    el("p", { class: "soft" }, say("page.console.roll_ranges", {
      rolls: view.emergency.rolls.map((roll) => roll.service ? `${roll.range} (${serviceName(roll.service)})` : roll.range).join(" · "),
    })),
    el("div", { class: "tools" }, numbers), service.node, klass.node, el("div", { class: "tools" }, time),
    el("p", { class: "soft" }, say("page.console.roll_time_why")), el("div", { class: "choices" }, buttons));
}

function entered() {
  const list = el("ul", { class: "posted" });
  const none = el("p", { class: "soft" }, say("page.console.roll_entered_none"));
  const show = keyed(list, (run) => run.first, () => {
    const node = el("li", {});
    return {
      node,
      show(run) {
        const range = run.count > 1 ? `${run.first}-${run.last}` : run.first;
        put(node, say("page.console.roll_run", { range, service: serviceName(run.service), count: run.count, open: run.open }));
      },
    };
  });
  show(view.emergency.entered);
  none.hidden = view.emergency.entered.length > 0;
  return el("section", { class: "group" }, el("h3", {}, say("page.console.roll_entered")), list, none);
}
