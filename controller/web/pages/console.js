// The lobby manager's console: the whole hall at a glance, and everything she can do about it in two taps.
//
// Nothing moves under a finger: while one is down nothing is rearranged, and while the sheet is open the lists keep
// their order; what changes in place (minutes, counts, marks) changes at once.

import { ask, bar, clock, el, fill, minutes, now, page, say, watch } from "./common.js";

const UNDO_FOR = 8000; // ms for which what was just done can be taken back where it is told
const CANCELS_AFTER = 5000; // ms for which a cancellation can be thought over before it is sent
const TOLD_FOR = 4500;
const SETTLE = 300; // ms after a finger is lifted in which its tap is still to come
const HELD_AT_MOST = 10000; // ms after which a finger that never left is forgotten
const REMARK = 80; // characters of a reason in her own words

const GREEN = ["elderly", "pregnant", "disabled", "child", "ill", "military"];
const URGENT = ["ill", "travel", "conflict"];
const MOVE = ["balance", "wrong_service", "asked", "skill"];
const BACK = ["not_heard", "stepped_out"];
const CANCEL = ["left", "twice", "machine"];

/** What can be done about a ticket where it is; `unlisted` is one of which only the number is known. */
const CAN = {
  waiting: ["why", "undo", "promote", "move", "call", "cancel"],
  held: ["why", "undo", "promote", "move", "cancel"],
  missed: ["why", "undo", "back", "call", "cancel"],
  hand: [],
  other: ["why"],
  unlisted: ["why", "undo", "back", "promote", "move", "call", "cancel"],
};

const STATES = {
  closed: "page.console.state_closed",
  open: "page.console.state_open",
  paused: "page.console.state_paused",
  called: "page.console.state_called",
  serving: "page.console.state_serving",
};
const DEVICES = {
  ok: "page.console.device_ok",
  degraded: "page.console.device_degraded",
  offline: "page.console.device_offline",
};

const serviceNames = Object.fromEntries(page.services.map((service) => [service.id, service.name]));
const classNames = Object.fromEntries(page.classes.map((each) => [each.id, each.name]));
const usual = page.classes[0]?.id;
const serviceName = (id) => serviceNames[id] ?? id;
const className = (id) => classNames[id] ?? id;
const counterName = (id) => say("page.console.counter", { counter: id });

const main = document.getElementById("main");
let view = null; // the latest picture
const filter = { service: "", klass: "", text: "" };

// -- parts that change in place ------------------------------------------------------------------------------

/** Set a text where it differs, so that nothing is laid out anew for nothing. */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Children of `parent` in step with a list, by key: `make()` gives {node, show(item)}. Whoever stays is changed in place
 * and moved only if its order changes; `arrange` false keeps order and members, and marks who has left.
 */
function keyed(parent, key, make) {
  const parts = new Map();
  return (items, arrange = true) => {
    const wanted = new Map(items.map((item) => [key(item), item]));
    for (const [id, part] of parts) {
      const item = wanted.get(id);
      part.node.classList.toggle("gone", !item);
      if (item) part.show(item);
      else if (arrange) {
        part.node.remove();
        parts.delete(id);
      }
    }
    if (!arrange) return;
    const focused = document.activeElement;
    let place = parent.firstElementChild;
    for (const [id, item] of wanted) {
      let part = parts.get(id);
      if (!part) {
        part = make(item);
        part.show(item);
        parts.set(id, part);
      }
      // One that only moves away makes room for the others; they need not move as well.
      if (place && place !== part.node && place.nextElementSibling === part.node) place = part.node;
      if (place === part.node) place = place.nextElementSibling;
      else parent.insertBefore(part.node, place);
    }
    if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  };
}

/** How late somebody is by the branch's target; false while there is none. */
const isLate = (since) => Boolean(view?.figures.target) && minutes(since) >= view.figures.target;

/** A time waited, "late" in words beside its colour. */
function waited(node, since) {
  const late = isLate(since);
  const text = say("page.console.waited", { minutes: minutes(since) });
  if (node.dataset.shown === `${text}${late}`) return;
  node.dataset.shown = `${text}${late}`;
  node.classList.toggle("late", late);
  fill(node, late && el("span", { class: "flag" }, say("page.console.over")), text);
}

// -- the page's frame ----------------------------------------------------------------------------------------

const time = el("time", { class: "clock number" });
const branch = el("strong", { class: "branch" }, page.branch);
const figures = el("p", { class: "figures" });
const signOut = el("button", { type: "button", class: "quiet", onclick: leave }, say("page.console.sign_out"));
const notices = el("ul", { class: "notices", tabindex: "0", "aria-label": say("page.console.notices") });
const advice = el("ul", { class: "advice" });
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
const counters = el("ul", { class: "desks" });
const missed = el("ul", { class: "rows" });
const noMissed = el("p", { class: "soft" }, say("page.console.no_missed"));
const held = el("ul", { class: "rows" });
const heldTitle = el("h3", {}, say("page.console.held"));
const unprinted = el("ul", { class: "unprinted" });
const cancelling = new Map(); // ticket -> {send, withdraw, called}: to be cancelled in a moment
const unprintedTitle = el("h3", {}, say("page.console.unprinted"));
const devices = el("ul", { class: "devices" });
const recent = el("ul", { class: "recent" });
const nothingRecent = el("p", { class: "soft" }, say("page.console.nothing_recent"));

// Parts in which nothing can be pressed are walked to by themselves, or the keyboard could not scroll them.
const titled = (name, title, ...children) =>
  el("section", {
    class: `part ${name}`, id: `part-${name}`, "aria-labelledby": `title-${name}`,
    tabindex: name === "log" || name === "health" ? "0" : null,
  }, el("h2", { id: `title-${name}` }, title), children);

main.append(
  el("header", { class: "top" },
    branch, time, figures, el("span", { class: "who soft" }, page.account?.name ?? ""), signOut),
  el("div", { class: "live", role: "status", "aria-label": say("page.console.notices") }, notices),
  el("div", { class: "live", role: "status", "aria-label": say("page.console.advice") }, advice),
  el("div", { class: "columns" },
    titled("waiting", say("page.console.waiting"),
      services,
      el("div", { class: "tools" }, search,
        el("button", { type: "button", class: "go", onclick: (event) => newGreen(event.currentTarget) },
          say("page.console.new_green"))),
      classes,
      shown,
      el("div", { class: "scroll", tabindex: "-1" }, lookUp, nobody, found, list, more)),
    el("div", { class: "side" },
      titled("counters", say("page.console.counters"), counters),
      titled("away", say("page.console.away"),
        el("h3", {}, say("page.console.missed")), missed, noMissed, heldTitle, held, unprintedTitle, unprinted),
      titled("log", say("page.console.recent"), recent, nothingRecent),
      titled("health", say("page.console.devices"), devices))),
);

// On a phone one part is seen at a time.
const tabs = ["waiting", "counters", "away", "log"];
const tabNames = {
  waiting: say("page.console.waiting"), counters: say("page.console.counters"),
  away: say("page.console.missed"), log: say("page.console.tab_log"),
};
const tabCounts = Object.fromEntries(tabs.map((tab) => [tab, el("span", { class: "count number" })]));
const tabButtons = Object.fromEntries(tabs.map((tab) => [
  tab, el("button", { type: "button", "data-reads": true, onclick: () => turnTo(tab) }, tabNames[tab], tabCounts[tab]),
]));
main.append(el("nav", { class: "tabs", "aria-label": say("page.console.tabs") }, Object.values(tabButtons)));
turnTo("waiting");

function turnTo(tab) {
  main.dataset.tab = tab;
  for (const [name, button] of Object.entries(tabButtons)) {
    if (name === tab) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

async function leave() {
  signOut.disabled = true;
  await sendAll();
  await ask("DELETE", "/api/session");
  location.assign("/sign-in");
}

// -- fingers -------------------------------------------------------------------------------------------------

let fingers = 0; // ms of our clock until which nothing may move; Infinity while one is down
let fingerTimer;

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

// -- the picture ---------------------------------------------------------------------------------------------

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
      const late = Boolean(service.longest) && isLate(service.longest);
      node.classList.toggle("late-tile", late);
      flag.hidden = !late;
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

/** A row of a list: its number, what it is, a few words more, and how long; a tap opens the sheet. */
function row(kind) {
  const ticket = el("span", { class: "ticket number" });
  const name = el("span", { class: "service" });
  const klass = el("span", { class: "badge" });
  const marks = el("span", { class: "marks" });
  const right = el("span", { class: "right" });
  let item;
  const button = el("button", {
    type: "button", class: "row", "aria-haspopup": "dialog", onclick: () => open(kind(item), item, button),
  }, ticket, el("span", { class: "what" }, name, klass, marks), right);
  return {
    node: el("li", {}, button),
    marks,
    right,
    set(next) {
      item = next;
      put(ticket, item.ticket);
      put(name, serviceName(item.service));
      const special = Boolean(item.class) && item.class !== usual;
      put(klass, special ? className(item.class) : "");
      klass.hidden = !special;
      klass.dataset.klass = item.class;
      button.dataset.ticket = item.ticket;
      button.classList.toggle("cancelling", cancelling.has(item.ticket));
    },
  };
}

const rowOf = (ticket) => [...main.querySelectorAll("button.row")].find((each) => each.dataset.ticket === ticket);

/** That a ticket is about to be cancelled, which is said beside whatever else is. */
const cancelMark = (item) => cancelling.has(item.ticket) && say("page.console.mark_cancelling");

/** What is particular about a waiting ticket, in a few words. */
function marksOf(item) {
  return [
    cancelMark(item),
    view.unprinted.includes(item.ticket) && say("page.console.mark_no_paper"),
    item.only && say("page.console.mark_only", { counter: item.only }),
    item.early && say("page.console.mark_early"),
    item.returned && say("page.console.mark_returned"),
    item.passed > 0 && say("page.console.mark_passed", { times: item.passed }),
    item.undo && say("page.console.mark_changed"),
    ...item.needs.map((need) => say(`needs.${need}`)),
  ].filter(Boolean);
}

function showMarks(node, marks) {
  const key = marks.join("|");
  if (node.dataset.shown === key) return;
  node.dataset.shown = key;
  fill(node, marks.map((mark) => el("span", { class: "mark" }, mark)));
}

const showList = keyed(list, (item) => item.ticket, () => {
  const made = row(() => "waiting");
  return {
    node: made.node,
    show(item) {
      made.set(item);
      showMarks(made.marks, marksOf(item));
      waited(made.right, item.since);
      made.node.hidden = !fits(item);
    },
  };
});

const showMissed = keyed(missed, (item) => item.ticket, () => awayRow("missed"));
const showHeld = keyed(held, (item) => item.ticket, () => awayRow("held"));
const showFound = keyed(found, (item) => `${item.kind}${item.ticket}`, (item) => awayRow(item.kind, true));

function awayRow(kind, named = false) {
  const made = row(() => kind);
  const words = (item) => {
    if (kind === "held") return say("page.console.held_at", { counter: item.counter });
    if (kind === "hand") return say(STATES[item.state]);
    if (item.returns_until > now()) return say("page.console.returns_until", { time: clock(item.returns_until) });
    return say("page.console.returns_no_more");
  };
  const status = { missed: say("page.console.missed"), held: say("page.console.held") };
  return {
    node: made.node,
    show(item) {
      made.set(item);
      const where = kind === "hand" ? counterName(item.counter) : named ? status[kind] : "";
      showMarks(made.marks, [cancelMark(item), where, words(item)].filter(Boolean));
      waited(made.right, item.since);
      made.right.classList.remove("late");
      if (kind === "missed") put(made.right, item.returns_until > now() ? say("page.console.back") : "");
      made.right.classList.toggle("hint", kind === "missed");
    },
  };
}

const showUnprinted = keyed(unprinted, (ticket) => ticket, () => {
  const name = el("span", { class: "ticket number" });
  let ticket;
  const button = el("button", { type: "button", onclick: () => act({ key: "REPRINT", ticket }, button) },
    say("page.console.print"));
  return {
    node: el("li", {}, name, button),
    show(next) {
      ticket = next;
      put(name, ticket);
      button.setAttribute("aria-label", `${say("page.console.print")} ${ticket}`);
    },
  };
});

const showCounters = keyed(counters, (counter) => counter.id, () => {
  const name = el("span", { class: "name" });
  const state = el("span", { class: "state" });
  const ticket = el("span", { class: "ticket number" });
  const about = el("span", { class: "about soft" });
  const since = el("span", { class: "since" });
  const waiting = el("span", { class: "soft for" });
  let counter;
  const node = el("li", { class: "counter" });
  const button = el("button", {
    type: "button", class: "hand", "aria-haspopup": "dialog",
    onclick: () => open("hand", { ...counter, counter: counter.id }, button),
  }, ticket, since);
  node.append(el("div", { class: "head" }, name, state), button, about, waiting);
  return {
    node,
    show(next) {
      counter = next;
      put(name, counterName(counter.id));
      put(state, say(STATES[counter.state] ?? counter.state));
      node.dataset.state = counter.state;
      const busy = Boolean(counter.ticket);
      put(ticket, counter.ticket || "—");
      button.disabled = !busy;
      put(since, say("page.console.since", { minutes: minutes(counter.since) }));
      since.hidden = !busy && counter.state !== "paused";
      const klass = counter.class && counter.class !== usual ? ` · ${className(counter.class)}` : "";
      const serves = Object.keys(counter.serves).map(serviceName).join(" ");
      put(about, busy ? `${serviceName(counter.service)}${klass}` : serves);
      put(waiting, say("page.console.counter_waiting", { count: counter.waiting }));
    },
  };
});

const showAdvice = keyed(advice, (each) => `${each.action}${each.counter}`, () => {
  const text = el("strong");
  let counter;
  const answer = (key, label, kind) => {
    const button = el("button", { type: "button", class: kind, onclick: () => act({ key, counter }, button) }, label);
    return button;
  };
  return {
    node: el("li", {}, text, el("span", { class: "answers" },
      answer("ACCEPT", say("page.console.accept"), "main"), answer("DECLINE", say("page.console.decline"), ""))),
    show(each) {
      counter = each.counter;
      put(text, each.text);
    },
  };
});

const showNotices = keyed(notices, (each) => each.text, () => {
  const node = el("li");
  return {
    node,
    show(each) {
      put(node, each.text);
      node.className = each.well ? "well" : "notice";
    },
  };
});

const showDevices = keyed(devices, (device) => device.id, () => {
  const name = el("span");
  const state = el("span");
  const node = el("li", {}, name, state);
  return {
    node,
    show(device) {
      put(name, device.id);
      node.dataset.state = device.state;
      const word = say(DEVICES[device.state] ?? device.state);
      // Of one that works there is nothing more to say: any detail would read as a fault.
      put(state, [word, device.state !== "ok" && device.detail].filter(Boolean).join(" · "));
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
      put(text, each.text);
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

/** Show the latest picture: what changes in place at once, what would move as soon as nothing is under a finger. */
function show(next) {
  if (!next) return;
  view = next;
  for (const [ticket, { called }] of cancelling) {
    const counter = view.counters.find((each) => each.ticket === ticket);
    if (counter) called(counter.id);
  }
  refresh();
  if (!fingers) arrange();
  sheet.follow();
}

/** What changes in place. */
function refresh() {
  put(time, clock(now()));
  put(branch, view.branch);
  const day = view.figures;
  put(figures, day.customers
    ? say("page.console.figures", {
      customers: day.customers, mean: day.mean.toFixed(1), target: day.target, share: Math.round(day.above_target * 100),
    })
    : day.customers === 0 ? say("page.console.no_figures") : ""); // right after a start nothing has been counted yet
  showServices(view.services);
  showClasses(view.classes);
  showCounters(view.counters);
  showList(view.waiting, false);
  showMissed(view.missed, false);
  showHeld(view.held, false);
  const total = view.services.reduce((sum, service) => sum + service.waiting, 0);
  put(tabCounts.waiting, String(total));
  put(tabCounts.away, String(view.missed.length + view.held.length + view.unprinted.length || ""));
}

/** What moves. With the sheet open, only what is not a list of tickets. */
function arrange() {
  const faults = view.devices.filter((device) => device.state !== "ok");
  const told = [
    ...view.notices.map((text) => ({ text })),
    ...faults.map((device) => ({
      text: say("page.console.device_fault", {
        device: device.id, detail: device.detail || say(DEVICES[device.state] ?? device.state),
      }),
    })),
  ];
  showNotices(told.length ? told : [{ text: say("page.console.all_well"), well: true }]);
  showAdvice(view.advice);
  advice.hidden = !view.advice.length;
  showUnprinted(view.unprinted);
  unprintedTitle.hidden = !view.unprinted.length;
  showDevices(view.devices);
  showRecent(view.recent);
  nothingRecent.hidden = view.recent.length > 0;
  if (sheet.isOpen()) return;
  showList(view.waiting);
  showMissed(view.missed);
  noMissed.hidden = view.missed.length > 0;
  showHeld(view.held);
  heldTitle.hidden = !view.held.length;
  narrow();
}

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

// -- what is told --------------------------------------------------------------------------------------------

const told = el("div", { id: "told", hidden: true });
const toldText = el("span", { role: "status" });
const toldUndo = el("button", { type: "button", hidden: true }, say("page.console.undo"));
told.append(toldText, toldUndo);
const pending = el("div", { id: "pending", role: "status", "aria-label": say("page.console.cancel") });
document.body.append(el("div", { class: "tellers" }, pending, told));
let toldTimer;

/** Say what came of something; with `undo`, a ticket whose change can be taken back. */
function tell(text, { refused = false, undo = "" } = {}) {
  clearTimeout(toldTimer);
  put(toldText, text);
  told.className = refused ? "refused" : "";
  told.hidden = !text;
  toldUndo.hidden = !undo;
  toldUndo.onclick = () => {
    told.hidden = true;
    act({ key: "UNDO", ticket: undo }, toldUndo);
  };
  toldTimer = setTimeout(() => (told.hidden = true), undo ? UNDO_FOR : refused ? 7000 : TOLD_FOR);
}

// -- doing ---------------------------------------------------------------------------------------------------

let acting = false;
const CAN_BE_UNDONE = ["GREEN", "URGENT", "REASSIGN"];

/** Cancel a ticket in a moment: until then it can be taken back, and is, if something else is done about the ticket. */
function cancelSoon(ticket, reason) {
  cancelling.get(ticket)?.withdraw();
  const node = el("div", { class: "told" }, el("span", {}, say("page.console.will_cancel", { ticket })),
    el("button", {
      type: "button", "data-reads": true,
      onclick() {
        withdraw();
        tell(say("page.console.not_cancelled", { ticket }));
        rowOf(ticket)?.focus({ preventScroll: true });
      },
    }, say("page.console.undo")));
  const timer = setTimeout(send, CANCELS_AFTER);
  cancelling.set(ticket, { send, withdraw, called });
  sheet.close();
  told.hidden = true;
  pending.append(node);
  refresh();

  function stop() {
    clearTimeout(timer);
    node.remove();
  }

  function withdraw() {
    stop();
    cancelling.delete(ticket);
    refresh();
  }

  function called(counter) {
    if (!node.isConnected) return; // it is on its way: the controller decides which was first
    withdraw();
    tell(say("page.console.called_instead", { ticket, counter }), { refused: true });
  }

  async function send() {
    if (!node.isConnected) return;
    stop();
    const answer = await ask("POST", "/api/panel", { key: "CANCEL", ticket, service: "", counter: "", reason });
    cancelling.delete(ticket);
    refresh();
    tell(answer.text ?? "", { refused: answer.result !== "ok" });
  }
}

// Who leaves the page has not taken it back; a tablet that is put away may not come to it later.
addEventListener("pagehide", sendAll);
document.addEventListener("visibilitychange", () => document.hidden && sendAll());

function sendAll() {
  return Promise.all([...cancelling.values()].map((each) => each.send()));
}

/** Press one of the panel's keys, one at a time. A refusal is told where she looks: in the sheet, if it is open. */
async function act(content, button) {
  if (acting) return;
  cancelling.get(content.ticket)?.withdraw();
  acting = true;
  button?.setAttribute("aria-busy", "true");
  const answer = await ask("POST", "/api/panel", { ticket: "", service: "", counter: "", reason: "", ...content });
  acting = false;
  button?.removeAttribute("aria-busy");
  if (answer.result === "ok" && answer.ticket && !content.ticket && content.key === "GREEN") {
    if (answer.printed === false) sheet.number(answer.ticket);
    else {
      sheet.close();
      tell(say("page.console.new_printed", { ticket: answer.ticket }));
    }
  } else if (answer.result === "ok") {
    sheet.close();
    const undo = content.ticket && CAN_BE_UNDONE.includes(content.key) ? content.ticket : "";
    tell(answer.text ?? "", { undo });
  } else if (sheet.isOpen()) sheet.tell(answer.text, true);
  else tell(answer.text, { refused: true });
}

// -- the sheet -----------------------------------------------------------------------------------------------

const sheet = makeSheet();

/** The panel beside the lists (on a phone: below) in which everything about one ticket is done. */
function makeSheet() {
  const title = el("h2", { id: "sheet-title", tabindex: "-1" });
  const about = el("p", { class: "soft sheet-about" });
  const marks = el("p", { class: "marks" });
  const status = el("p", { class: "sheet-status", role: "alert" });
  const body = el("div", { class: "sheet-body" });
  const closer = el("button", {
    type: "button", class: "closer", "data-reads": true, "aria-label": say("page.console.close"), onclick: close,
  }, "✕");
  const panel = el("div", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-labelledby": "sheet-title" },
    el("div", { class: "sheet-head" }, el("div", {}, title, about, marks), closer, status), body);
  const scrim = el("div", { class: "scrim", hidden: true, onclick: (event) => event.target === scrim && close() }, panel);
  document.body.append(scrim);
  let opened = null;
  let opener = null;

  addEventListener("keydown", (event) => {
    if (!opened) return;
    if (event.key === "Escape") close();
    else if (event.key === "Tab") turnRound(event);
  });

  /** The focus stays inside. */
  function turnRound(event) {
    const all = [...panel.querySelectorAll("button:not(:disabled), input")].filter((each) => each.offsetParent);
    const [first, last] = [all[0], all.at(-1)];
    const at = document.activeElement;
    if (event.shiftKey ? at === first || at === title : at === last) {
      event.preventDefault();
      (event.shiftKey ? last : first)?.focus();
    }
  }

  /** What makes no sense where the ticket is now cannot be pressed; it stays where it is. */
  function allow() {
    if (opened.kind === "other") return;
    const { state } = opened;
    for (const part of body.querySelectorAll("fieldset")) part.disabled = !CAN[state].includes(part.dataset.can);
    if (document.activeElement?.closest("fieldset:disabled")) title.focus({ preventScroll: true });
  }

  function close() {
    if (!opened) return;
    const { ticket } = opened.item;
    opened = null;
    main.inert = false;
    panel.hidden = true;
    // The second half of a double tap must not fall on what was behind the sheet.
    scrim.classList.add("leaving");
    setTimeout(() => {
      scrim.classList.remove("leaving");
      scrim.hidden = !opened;
    }, SETTLE);
    if (view && !fingers) arrange();
    const again = opener?.isConnected && opener.offsetParent
      ? opener
      : rowOf(ticket) ?? search;
    again.focus({ preventScroll: true });
  }

  return {
    isOpen: () => Boolean(opened),
    close,
    body,
    about,
    allow,
    marks,
    open(kind, item, heading, from) {
      opened = { kind, item, state: kind };
      opener = from;
      put(title, heading);
      put(about, "");
      showMarks(marks, []);
      put(status, "");
      status.className = "sheet-status";
      told.hidden = true;
      scrim.classList.remove("leaving");
      panel.hidden = scrim.hidden = false;
      main.inert = true;
      body.scrollTop = 0;
      title.focus({ preventScroll: true });
      this.follow();
    },
    tell(text, refused = false) {
      put(status, text ?? "");
      status.className = refused ? "sheet-status refused" : "sheet-status";
    },
    /** Keep what is open in step with the hall: where its ticket is now, which counters are free. */
    follow() {
      if (!opened || !view) return;
      opened.free?.();
      const { ticket } = opened.item;
      if (!ticket) return;
      const waits = view.waiting.find((item) => item.ticket === ticket);
      const gone = view.missed.find((item) => item.ticket === ticket);
      const onHold = view.held.find((item) => item.ticket === ticket);
      const at = view.counters.find((each) => each.ticket === ticket);
      const item = waits ?? gone ?? onHold ?? at;
      const state = waits ? "waiting" : gone ? "missed" : onHold ? "held" : at ? "hand" : "other";
      if (item) {
        const klass = item.class && item.class !== usual ? className(item.class) : "";
        const late = state === "waiting" && isLate(item.since) ? say("page.console.over") : "";
        const since = say("page.console.waited", { minutes: minutes(item.since) });
        put(about, [serviceName(item.service), klass, `${since} ${late}`.trim()].filter(Boolean).join(" · "));
      }
      if (waits) showMarks(marks, marksOf(waits));
      if (state === opened.state || opened.kind === "other") return;
      if (state === "other" && view.waiting_more) return;
      opened.state = state;
      allow();
      const where = {
        hand: () => say("page.console.at_counter", { ticket, counter: at.id }),
        missed: () => say("page.console.is_missed", { ticket }),
        held: () => say("page.console.is_held", { ticket, counter: onHold.counter }),
        waiting: () => say("page.console.is_waiting", { ticket }),
        other: () => say("page.console.has_left", { ticket }),
      };
      this.tell(where[state]());
    },
    /** A new number that no paper carries: large, until she has passed it on. */
    number(ticket) {
      put(about, "");
      const button = el("button", { type: "button", class: "main", onclick: close }, say("page.console.new_told"));
      fill(body, el("p", { class: "new-number number" }, ticket),
        el("p", { class: "why-text", role: "alert" }, say("page.console.new_unprinted")), button);
      button.focus();
    },
    /** Something to be done again with every picture while this is open. */
    keep(free) {
      opened.free = free;
      free();
    },
  };
}

/** Open the sheet for a ticket; `kind` says where it is: waiting, missed, held, hand (at a counter), other (ask). */
function open(kind, item, from) {
  if (!view) return;
  sheet.open(kind, item, item.ticket, from);
  if (kind === "other") whyPanel(item.ticket, () => actions("unlisted", item));
  else actions(kind, item);
}

function actions(kind, item) {
  const { ticket } = item;
  const can = CAN[kind];
  const press = (key) => (event) => act({ key, ticket }, event.currentTarget);
  const forReason = (key) => (reason, button) => act({ key, ticket, reason }, button);
  const only = (what, ...parts) => can.includes(what) && el("fieldset", { "data-can": what }, parts);
  const where = kind === "hand" && el("p", { class: "why-text" });
  const quick = el("div", { class: "quick" },
    only("why", el("button", { type: "button", onclick: () => whyPanel(ticket, () => actions(kind, item)) },
      say("page.console.why"))),
    el("button", { type: "button", onclick: press("REPRINT") }, say("page.console.reprint")),
    item.undo && only("undo", el("button", { type: "button", class: "undo", onclick: press("UNDO") },
      say("page.console.undo_change"))));
  fill(sheet.body,
    where, quick,
    only("back", reasons(say("page.console.back"), BACK, "go", forReason("RETURN"))),
    item.class !== "green" && only("promote", reasons(say("page.console.green"), GREEN, "go-chip", forReason("GREEN"))),
    item.class !== "urgent" && only("promote", reasons(say("page.console.urgent"), URGENT, "", forReason("URGENT"))),
    (can.includes("call") || can.includes("move")) && whereTo(item, can),
    only("cancel", reasons(say("page.console.cancel"), CANCEL, "stop", (reason) => cancelSoon(ticket, reason))));
  if (where) sheet.keep(() => {
    const at = view.counters.find((each) => each.ticket === ticket);
    if (at) put(where, `${say("page.console.at_counter", { ticket, counter: at.id })} · ${say(STATES[at.state])}`);
  });
  sheet.allow();
}

/** Reasons of which a tap acts; "other" takes her own words. */
function reasons(title, codes, kind, doIt) {
  const chips = el("div", { class: "choices" },
    codes.map((code) =>
      el("button", { type: "button", class: kind, onclick: (event) => doIt(code, event.currentTarget) },
        say(`reason.${code}`))),
    el("button", { type: "button", class: kind, onclick: () => ownWords() }, say("page.console.other")));
  const group = el("section", { class: `group ${kind}-group`, "aria-label": title }, el("h3", {}, title), chips);
  function ownWords() {
    const words = el("form", { class: "own-words" });
    const input = remark();
    words.append(
      input,
      el("button", { type: "submit", class: kind || "main" }, say("page.console.other_go")),
      el("button", { type: "button", onclick: () => (words.replaceWith(chips), chips.lastChild.focus()) },
        say("page.console.other_back")));
    words.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) doIt(input.value.trim(), words.querySelector("[type=submit]"));
      else input.focus();
    });
    chips.replaceWith(words);
    input.focus();
  }
  return group;
}

const remark = () =>
  el("input", {
    type: "text", maxlength: String(REMARK), placeholder: say("page.console.other_label"),
    "aria-label": say("page.console.other_label"), autocomplete: "off",
  });

/** Reasons of which one is chosen, the first beforehand: gives what was chosen, and its element. */
function reasonOf(codes) {
  let chosen = codes[0];
  const input = remark();
  input.hidden = true;
  const chips = [...codes, ""].map((code) =>
    el("button", {
      type: "button", class: "chip", "aria-pressed": String(code === chosen),
      onclick: () => {
        chosen = code;
        chips.forEach((chip, n) => chip.setAttribute("aria-pressed", String(([...codes, ""])[n] === code)));
        input.hidden = Boolean(code);
        if (!code) input.focus();
      },
    }, code ? say(`reason.${code}`) : say("page.console.other")));
  const label = say("page.console.reason");
  const node = el("div", { class: "reason", role: "group", "aria-label": label },
    el("span", { class: "soft" }, label), chips, input);
  return { node, reason: () => chosen || input.value.trim() };
}

/** Call a ticket to a free counter now, or have it wait for another service or counter. */
function whereTo(item, can) {
  const { ticket } = item;
  const { node, reason } = reasonOf(MOVE);
  const calls = page.counters.map((id) => {
    const why = el("small");
    const button = el("button", {
      type: "button", class: "to", onclick: () => act({ key: "CALL", ticket, counter: id, reason: reason() }, button),
    }, counterName(id), why);
    return { id, button, why };
  });
  sheet.keep(() => {
    for (const { id, button, why } of calls) {
      const counter = view.counters.find((each) => each.id === id);
      const serves = !item.service || counter?.serves[item.service] !== undefined || item.only === id;
      const isFree = counter?.state === "open" && !counter.ticket;
      button.disabled = !isFree || !serves;
      put(why, !serves ? say("page.console.not_served") : counter ? say(STATES[counter.state] ?? counter.state) : "");
    }
  });
  const move = (content, label, kind = "") => {
    const button = el("button", {
      type: "button", class: kind, onclick: () => act({ key: "REASSIGN", ticket, reason: reason(), ...content }, button),
    }, label);
    return button;
  };
  return el("section", { class: "group", "aria-label": say("page.console.to_where") },
    el("h3", {}, say("page.console.to_where")),
    el("fieldset", { "data-can": can.includes("move") ? "move" : "call" }, node),
    can.includes("call") && el("fieldset", { "data-can": "call" },
      el("h4", {}, say("page.console.call_to")),
      el("div", { class: "choices" }, calls.map((each) => each.button)),
    ),
    can.includes("move") && el("fieldset", { "data-can": "move" },
      el("h4", {}, say("page.console.reassign_service")),
      el("div", { class: "choices" },
        page.services.filter(({ id }) => id !== item.service).map(({ id, name }) => move({ service: id }, name)),
        move({}, say("page.console.reassign_any"), "wide")),
      el("h4", {}, say("page.console.reassign_counter")),
      el("div", { class: "choices" }, page.counters.map((id) => move({ counter: id }, counterName(id)))),
    ));
}

/** Why a ticket is not next: the sentence, and the table behind it, in place of the actions. */
async function whyPanel(ticket, back) {
  const text = el("p", { class: "why-text", role: "status" }, say("page.console.why_asking"));
  const returning = el("button", { type: "button", onclick: back }, say("page.console.other_back"));
  const table = el("div", { class: "why-table" });
  fill(sheet.body, text, el("div", { class: "quick" }, returning), table);
  returning.focus({ preventScroll: true });
  const answer = await ask("GET", `/api/tickets/${encodeURIComponent(ticket)}/why`);
  if (!text.isConnected) return;
  put(text, answer.text ?? "");
  const known = answer.result === "ok" && Boolean(answer.ticket);
  returning.hidden = !known;
  if (!known || !answer.table?.length) return;
  const head = [
    say("page.console.why_place"), say("page.console.why_ticket"), say("page.console.why_service"),
    say("page.console.why_class"), say("page.console.why_came"), say("page.console.why_counts"),
  ];
  const at = (seconds) => clock(seconds * 1000);
  fill(table, el("table", {},
    el("caption", {}, say("page.console.why_table")),
    el("thead", {}, el("tr", {}, head.map((each) => el("th", { scope: "col" }, each)))),
    el("tbody", {}, answer.table.map((line, n) =>
      el("tr", { class: line.ticket === answer.ticket ? "mine" : "" },
        el("td", {}, String(n + 1)), el("th", { scope: "row", class: "number" }, line.ticket),
        el("td", {}, line.service), el("td", {}, line.class),
        el("td", { class: "number" }, at(line.came)), el("td", { class: "number" }, at(line.counts)))))));
}

/** A green-channel ticket for somebody who has none. */
function newGreen(from) {
  if (!view) return;
  sheet.open("green", { ticket: "" }, say("page.console.new_green_title"), from);
  put(sheet.about, say("page.console.new_green_where"));
  let chosen = "";
  const choices = page.services.map(({ id, name }) => {
    const button = el("button", { type: "button", class: "chip", onclick: () => pick(id) }, name);
    return { id, button };
  });
  const doIt = (reason, button) => act({ key: "GREEN", service: chosen, reason }, button);
  const why = el("fieldset", {}, reasons(say("page.console.reason"), GREEN, "go", doIt));
  function pick(id) {
    chosen = id;
    why.disabled = !chosen;
    for (const each of choices) each.button.setAttribute("aria-pressed", String(each.id === chosen));
  }
  const title = say("page.console.services");
  fill(sheet.body,
    el("section", { class: "group", "aria-label": title },
      el("h3", {}, title), el("div", { class: "choices large" }, choices.map((each) => each.button))),
    why);
  pick(page.services.length === 1 ? page.services[0].id : "");
}

// Minutes go on while nothing is said.
setInterval(() => {
  if (!view) return;
  refresh();
  sheet.follow();
}, 5000);

watch("/api/console/live", show, { stale: bar });
