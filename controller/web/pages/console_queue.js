// Who waits: by service and class, in the order of calls or of arrival, and found by number wherever the ticket is.

import { el, minutes, now, put, say } from "./common.js";
import { addPart, arrange, gradeOfService, keep, kept, refresh, view } from "./console_hall.js";
import { keyed } from "./console_parts.js";
import { awayRow, waitingRow } from "./console_rows.js";
import { newGreen, open } from "./console_ticket.js";

const filter = { service: "", klass: "", text: "" };
const services = el("div", { class: "services", role: "group", "aria-label": say("page.console.services") });
const classes = el("div", { class: "chips", role: "group", "aria-label": say("page.console.classes") });
const search = el("input", {
  type: "search", class: "search", placeholder: say("page.console.search"), "aria-label": say("page.console.search"),
  autocomplete: "off", autocapitalize: "characters", enterkeyhint: "search", maxlength: "12",
  oninput: narrow, onkeydown: searchKey,
});
search.spellcheck = false;
const shown = el("p", { class: "soft shown", role: "status" });
const found = el("ul", { class: "rows found" });
const lookUp = el("button", {
  type: "button", class: "row look-up", "aria-haspopup": "dialog", hidden: true, onclick: () => lookUpNow(),
});
const nobody = el("p", { class: "soft empty-list", hidden: true });
const list = el("ul", { class: "rows" });
const more = el("p", { class: "soft more" });

const showServices = keyed(services, (service) => service.id, () => {
  const name = el("span", { class: "name" });
  const flag = el("span", { class: "flag" }, say("page.console.over"));
  const count = el("span", { class: "number big" });
  const longest = el("span", { class: "longest" });
  const wait = el("span", { class: "soft" });
  let id;
  const node = el("button", { type: "button", class: "tile", "data-reads": true, onclick: () => choose("service", id) },
    el("span", { class: "head" }, name, flag), count, longest, wait);
  return {
    node,
    show(service) {
      id = service.id;
      put(name, service.name);
      put(count, service.waiting
        ? say("page.console.waiting_count", { count: service.waiting })
        : say("page.console.nobody_waits"));
      node.classList.toggle("empty", !service.waiting);
      const grade = gradeOfService(service);
      node.classList.toggle("late-tile", grade === "late");
      node.classList.toggle("worst-tile", grade === "worst");
      flag.hidden = !grade;
      put(longest, service.longest ? say("page.console.longest", { minutes: minutes(service.longest) }) : "");
      const atOnce = service.wait === say("wait.now");
      put(wait, atOnce ? service.wait
        : service.wait ? say("page.console.expected", { wait: service.wait }) : say("page.console.not_expected"));
      node.setAttribute("aria-pressed", String(filter.service === id));
    },
  };
});

const showClasses = keyed(classes, (each) => each.id, () => {
  const name = el("span");
  const count = el("span", { class: "count number" });
  let id;
  const node = el("button", {
    type: "button", class: "chip", "data-reads": true, onclick: () => choose("klass", id),
  }, name, count);
  return {
    node,
    show(each) {
      id = each.id;
      put(name, each.name);
      put(count, String(each.waiting));
      node.classList.toggle("empty", !each.waiting);
      node.setAttribute("aria-pressed", String(filter.klass === id));
    },
  };
});

// -- in which order ------------------------------------------------------------------------------------------

const ORDERS = { expected: "page.console.by_call", arrival: "page.console.by_arrival" };
let order = kept("order") in ORDERS ? kept("order") : "expected";
const orders = Object.entries(ORDERS).map(([id, word]) => el("button", {
  type: "button", class: "chip", "data-reads": true, "aria-pressed": String(id === order),
  onclick() {
    order = id;
    keep("order", id);
    orders.forEach((each, n) => each.setAttribute("aria-pressed", String(Object.keys(ORDERS)[n] === id)));
    if (view) arrange();
  },
}, say(word)));

/**
 * Who waits, in the order that was chosen. Calls are told to the minute, and within one the rule's order stays, or the list
 * would never be still; whose call nobody can foresee comes last.
 */
function ordered() {
  const minute = ({ expected }) => (expected ? Math.floor(Math.max(expected, now()) / 60000) : Infinity);
  const key = order === "arrival" ? (item) => item.since : minute;
  return [...view.waiting].sort((one, other) => (key(one) === key(other) ? 0 : key(one) - key(other)));
}

const showList = keyed(list, (item) => item.ticket, () => waitingRow(fits));
const showFound = keyed(found, (item) => `${item.kind}${item.ticket}`, (item) => awayRow(item.kind, true));

const green = el("button", { type: "button", class: "go", onclick: () => newGreen(green) }, say("page.console.new_green"));

export const queuePart = [
  services, el("div", { class: "tools" }, search, green),
  el("div", { class: "narrowing" },
    el("div", { class: "chips orders", role: "group", "aria-label": say("page.console.order") }, orders), classes),
  shown,
  el("div", { class: "scroll", tabindex: "-1" }, lookUp, nobody, found, list, more),
];

addPart({
  refresh() {
    showServices(view.services);
    showClasses(view.classes);
    showList(view.waiting, false);
  },
  sort() {
    showList(ordered());
    narrow();
  },
});

// -- finding -------------------------------------------------------------------------------------------------

function fits(item) {
  return (
    (!filter.service || item.service === filter.service) &&
    (!filter.klass || item.class === filter.klass) &&
    isNamed(item.ticket)
  );
}

/** A30 for A030, as people say it. */
const short = (ticket) => ticket.replace(/^(\D*)0+(?=\d)/, "$1");

/** Whether what is looked for is in a ticket's number; everybody's, while nothing is. */
const isNamed = (ticket) => ticket.includes(filter.text) || short(ticket).includes(filter.text);

function choose(which, id) {
  filter[which] = filter[which] === id ? "" : id;
  refresh();
  narrow();
}

/** Show who fits what is looked for, wherever the ticket is. */
function narrow() {
  filter.text = search.value.normalize("NFKC").trim().replace(/^([a-z]+)[\s-]+(?=\d)/i, "$1").toUpperCase();
  if (!view) return;
  showList(view.waiting, false);
  const text = filter.text;
  const away = text ? elsewhere().filter((item) => isNamed(item.ticket)) : [];
  showFound(away);
  const fitting = view.waiting.filter(fits).length;
  const total = view.waiting.length + view.waiting_more;
  const narrowed = Boolean(filter.service || filter.klass || text);
  put(shown, narrowed ? say("page.console.waiting_shown", { shown: fitting, all: total }) : "");
  shown.hidden = !narrowed || (!fitting && away.length > 0);
  const unknown = Boolean(text) && !fitting && !away.length;
  lookUp.hidden = !unknown;
  const about = { ticket: whole(text) };
  if (unknown) put(lookUp, `${say("page.console.not_listed", about)} · ${say("page.console.look_up", about)}`);
  nobody.hidden = fitting > 0 || away.length > 0 || unknown;
  put(nobody, narrowed ? say("page.console.no_match") : say("page.console.nobody_waits"));
  more.hidden = !view.waiting_more;
  put(more, say("page.console.waiting_more", { count: view.waiting_more }));
}

/** Tickets of today that do not wait, where they are. */
function elsewhere() {
  return [
    ...view.missed.map((item) => ({ ...item, kind: "missed" })),
    ...view.held.map((item) => ({ ...item, kind: "held" })),
    ...view.counters.filter((each) => each.ticket).map((each) => ({ ...each, counter: each.id, kind: "hand" })),
  ];
}

function searchKey(event) {
  if (event.key === "Escape" && search.value) {
    search.value = "";
    narrow();
  } else if (event.key === "Enter" && filter.text && view) {
    event.preventDefault(); // or it would press the button that has the focus next
    const hits = [
      ...view.waiting.filter(fits).map((item) => ({ ...item, kind: "waiting" })),
      ...elsewhere().filter((item) => isNamed(item.ticket)),
    ];
    const exact = hits.filter((item) => short(item.ticket) === short(filter.text));
    const hit = exact.length === 1 ? exact[0] : hits.length === 1 ? hits[0] : null;
    if (hit) open(hit.kind, hit, search);
    else if (!hits.length) lookUpNow();
  }
}

function lookUpNow() {
  open("other", { ticket: whole(filter.text) }, search);
}

/** A letter and a number as they stand on tickets: with zeros before it. */
const whole = (text) => text.replace(/^([A-Z]+)(\d{1,2})$/, (all, prefix, number) => prefix + number.padStart(3, "0"));
