// The virtual lobby: what every simulated device shows, its keys to press, and the knobs that break it.
import { ask, el, fill, padKey, page, put, say, toast, watch } from "./common.js";
import { time } from "./lobby_time.js";

const SVG = "http://www.w3.org/2000/svg";
const lobby = page.lobby;
const updates = []; // each told every view
const mine = { ticket: "", paper: null }; // the last ticket that this page has taken

/** Do something with every view. */
const on = (update) => updates.push(update);

const post = (device, content) => ask("POST", `/lobby/devices/${encodeURIComponent(device)}/press`, content);

async function turn(device, knobs) {
  const answer = await ask("POST", `/lobby/devices/${encodeURIComponent(device)}/knobs`, knobs);
  if (answer.result !== "ok") toast(answer.text ?? "", true);
  else if (knobs.unplugged) tick("unplug");
}

/** A line in which a device says what became of the last press. */
function line(quiet = "") {
  const made = el("p", { class: "said", role: "status" }, quiet);
  made.tell = (answer) => {
    put(made, answer.text ?? "");
    made.className = `said ${answer.result}`;
  };
  return made;
}

/** What the controller says of a device: a lamp, and a sentence when something is the matter. */
function tag(device, always = false) {
  const text = el("span", {});
  const made = el("span", { class: "tag", "data-state-of": device }, el("i", { class: "lamp", "aria-hidden": "true" }), text);
  made.hidden = !lobby.mqtt;
  on((view) => {
    const { state, detail } = view.devices[device];
    made.dataset.state = state;
    const word = state ? say(`state.${state}`) : say("state.unknown");
    put(text, state === "ok" ? (always ? word : "") : detail || word);
    made.title = detail || word;
  });
  return made;
}

/** The devices of one kind that there are in the hall, or at a counter. */
const all = (place, kind) => place[kind] ?? [];

/** A device's name; its id only where there are several of the kind. */
const named = (key, id, all) => (all.length > 1 ? `${say(key)} ${id}` : say(key));

const head = (title, ...more) => el("header", { class: "name" }, el("h2", {}, title), ...more);

// -- ticket buttons, printer ------------------------------------------------------------------------------

function kiosk(id) {
  const classes = el("select", { "aria-label": say("kiosk.class") },
    lobby.classes.map((klass) => el("option", { value: klass.id }, klass.name)));
  const said = line(say("kiosk.hint"));
  const called = el("p", { class: "called", role: "status", hidden: true });
  const own = el("p", { class: "yours", hidden: true }, el("span", {}, say("kiosk.yours")), " ", el("strong", {}));
  const buttons = lobby.services.map((service) => {
    const count = el("small", {}, "\u00a0");
    on((view) => put(count, service.id in view.lobby.waiting ? say("kiosk.waiting", { n: view.lobby.waiting[service.id] }) : "\u00a0"));
    const take = async () => {
      const answer = await post(id, { key: "TAKE", service: service.id, class: classes.value });
      said.tell(answer);
      if (answer.result === "ok" && answer.ticket) {
        Object.assign(mine, { ticket: answer.ticket, paper: null });
        tick("take");
      }
    };
    return el("button", { class: "take", "data-service": service.id, onclick: take }, el("span", {}, service.name), count);
  });
  on((view) => {
    own.hidden = !mine.ticket;
    put(own.querySelector("strong"), mine.ticket);
    const call = view.lobby.calls.find((one) => one.ticket === mine.ticket);
    called.hidden = !call;
    if (call) put(called, say("kiosk.called", { ticket: call.ticket, counter: call.counter }));
  });
  return el("section", { class: "device kiosk", "data-kiosk": id },
    head(say("kiosk.title"), classes), el("div", { class: "services" }, buttons), said, own, called);
}

function reader({ id }) {
  const card = el("input", { inputMode: "numeric", maxLength: 19, "aria-label": say("reader.card"), value: "4111111111111111" });
  const said = line();
  const swipe = async () => said.tell(await post(id, { key: "SWIPE", digits: card.value.replace(/\D/g, "") }));
  return el("section", { class: "device reader" }, head(named("reader.title", id, all(lobby, "readers")), tag(id)),
    el("div", { class: "row" }, card, el("button", { onclick: swipe }, say("reader.swipe"))), said);
}

function printer(id) {
  const lamp = el("i", { class: "lamp", "aria-hidden": "true" });
  const state = el("span", {});
  const out = el("div", { class: "outfeed" }, el("p", { class: "soft none" }, say("printer.none")));
  const earlier = el("ol", { class: "earlier", "aria-label": say("printer.earlier") });
  const pictures = new Map(); // number -> the same picture, so that it is fetched once
  const flag = el("strong", { class: "flag", hidden: true }, say("kiosk.yours"));
  let newest = 0, hanging = 0, laid = "";

  function picture({ n, text }) {
    if (!pictures.has(n)) {
      const src = `/lobby/paper/${encodeURIComponent(id)}/${n}.png`;
      pictures.set(n, el("img", { src, alt: say("printer.ticket", { n, text: text.replace(/\s+/g, " ").trim() }) }));
      if (pictures.size > 40) pictures.delete(pictures.keys().next().value);
    }
    return pictures.get(n);
  }

  /** Let the last paper slide out, and lay the others beside it, once its picture is there. */
  async function lay(last, others) {
    await picture(last).decode().catch(() => {});
    if (last.n !== newest) return;
    if (last.n !== hanging) fill(out, el("div", { class: "paper" }, picture(last)));
    hanging = last.n;
    flag.hidden = mine.paper?.n !== hanging;
    fill(earlier, others.map((paper) => el("li", { class: paper.n === mine.paper?.n ? "mine" : "" }, picture(paper))));
  }

  on((view) => {
    const { light, printing, papers } = view.printers[id];
    lamp.dataset.light = light;
    put(state, say(`printer.${printing && light === "ready" ? "printing" : light}`));
    const last = papers.at(-1);
    if (mine.ticket && !mine.paper) mine.paper = papers.find((paper) => paper.text.includes(mine.ticket)) ?? null;
    const shown = papers.slice(0, -1).reverse();
    if (mine.paper && last && mine.paper.n < last.n)
      shown.splice(0, shown.length, mine.paper, ...papers.slice(0, -1).reverse().filter((paper) => paper.n !== mine.paper.n));
    const wanted = shown.map(({ n }) => (n === mine.paper?.n ? `!${n}` : n)).join(" ");
    if (last && (last.n !== newest || wanted !== laid)) {
      newest = last.n;
      laid = wanted;
      lay(last, shown);
    }
    flag.hidden = !hanging || mine.paper?.n !== hanging;
  });
  return el("section", { class: "printer", "data-printer": id },
    head(named("printer.title", id, all(lobby, "printers")), tag(id)),
    el("div", { class: "body" }, el("span", { class: "lights" }, lamp, state, flag), el("div", { class: "slot" })),
    el("div", { class: "tray" }, out, earlier));
}

// -- displays ---------------------------------------------------------------------------------------------

const DOT = 6; // canvas pixels a LED

const LED = { red: "#ff4326", green: "#3ddc5b", yellow: "#ffb02e" };

/** A hall board: its text set in cells as the card does, each point a LED; what a card with a voice said last. */
function board({ id, width, height, speaks }) {
  const canvas = el("canvas", { width: width * DOT, height: height * DOT, "aria-hidden": "true" });
  const text = el("ol", { class: "seen-only-by-readers", "data-board": id });
  const draft = el("canvas", { width, height });
  const pen = draft.getContext("2d", { willReadFrequently: true });
  const said = el("p", { class: "spoken", hidden: true });
  let drawn;

  function draw(shown) {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, width, height);
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    pen.fillStyle = "#fff";
    for (const area of shown) {
      pen.save();
      pen.beginPath();
      pen.rect(area.x, area.y, area.width, area.height);
      pen.clip();
      const size = area.height;
      pen.font = `${size}px "WenQuanYi Zen Hei Mono", "WenQuanYi Zen Hei", "Noto Sans Mono CJK SC", monospace`;
      let x = area.x;
      for (const character of area.text) {
        const cell = character.charCodeAt(0) < 128 ? size / 2 : size;
        pen.fillText(character, x + cell / 2, area.y + size / 2 + 0.5, cell);
        x += cell;
      }
      pen.restore();
    }
    const points = pen.getImageData(0, 0, width, height).data;
    const brush = canvas.getContext("2d");
    brush.fillStyle = "#140a08";
    brush.fillRect(0, 0, canvas.width, canvas.height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const lit = points[(y * width + x) * 4] > 105;
        brush.fillStyle = lit ? colorAt(shown, x, y) : "#2b1613";
        brush.beginPath();
        brush.arc((x + 0.5) * DOT, (y + 0.5) * DOT, DOT * (lit ? 0.46 : 0.3), 0, 7);
        brush.fill();
      }
    }
  }

  function colorAt(shown, x, y) {
    const number = shown.findIndex((a) => x >= a.x && x < a.x + a.width && y >= a.y && y < a.y + a.height);
    return LED[shown[number]?.color] ?? (number ? LED.red : LED.yellow);
  }

  on((view) => {
    const { areas: shown, said: last } = view.boards[id];
    said.hidden = !last;
    put(said, last && say("hall.said", { text: last }));
    const key = JSON.stringify(shown);
    if (key === drawn) return;
    drawn = key;
    draw(shown);
    fill(text, shown.map(({ text: content }) => el("li", {}, content)));
  });
  return el("section", { class: "hall" }, head(named("hall.title", id, all(lobby, "boards")), tag(id)), el("div", { class: "frame" }, canvas), speaks && said, text);
}

/** What the controller says: to the whole lobby, and of each device that is not well. */
function notices() {
  const list = el("div", { class: "notices", role: "status", tabIndex: 0 });
  const soon = el("p", { class: "soon" });
  const whys = el("ol", { class: "whys" });
  let told, explained;
  on((view) => {
    const all = [...view.lobby.notices];
    if (!view.broker) all.push(say("state.no_broker"));
    else if (view.controller !== "online") all.push(say("state.no_controller"));
    for (const [id, { state, detail }] of Object.entries(view.devices))
      if (state === "offline" || state === "degraded") all.push(say("state.of", { id, text: detail || say(`state.${state}`) }));
    const key = all.join("\n");
    if (key !== told) {
      told = key;
      fill(list, all.length ? all.map((text) => el("p", { class: "notice" }, text)) : el("p", { class: "well" }, say("state.well")));
    }
    const calls = JSON.stringify(view.whys);
    if (calls !== explained) {
      explained = calls;
      fill(whys, view.whys.map(({ counter, text }) =>
        el("li", {}, el("b", {}, say("hall.call", { counter })), " ", text)));
    }
    put(soon, view.lobby.soon.join("  ") || "–");
  });
  return el("div", { class: "beside device" }, el("h2", {}, say("hall.notices")), list,
    el("h2", {}, say("hall.why")), whys, el("div", { class: "row" }, el("h2", {}, say("hall.soon")), soon));
}

function vfd(id) {
  const lines = [0, 1].map(() => el("div", { class: "cells" }));
  on((view) => view.windows[id].forEach((text, number) => put(lines[number], text.padEnd(20))));
  return el("div", { class: "window", "data-window": id },
    el("div", { class: "vfd", role: "img", "aria-label": say("counter.window", { id }) }, lines), tag(id));
}

// Segments a to g of each digit.
const SEGMENTS = ["abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg"];
const SHAPES = {
  a: "5,3 8,0 24,0 27,3 24,6 8,6", b: "28,4 31,7 31,23 28,26 25,23 25,7", c: "28,28 31,31 31,47 28,50 25,47 25,31",
  d: "5,51 8,48 24,48 27,51 24,54 8,54", e: "4,28 7,31 7,47 4,50 1,47 1,31", f: "4,4 7,7 7,23 4,26 1,23 1,7",
  g: "5,27 8,24 24,24 27,27 24,30 8,30",
};

/** Three digits of seven segments. */
function digits(label) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "-2 -2 118 58");
  drawing.setAttribute("aria-hidden", "true");
  const places = [0, 1, 2].map((place) => {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("transform", `translate(${place * 41} 0)`);
    for (const [name, points] of Object.entries(SHAPES)) {
      const shape = document.createElementNS(SVG, "polygon");
      shape.setAttribute("points", points);
      shape.dataset.segment = name;
      group.append(shape);
    }
    drawing.append(group);
    return group;
  });
  const text = el("span", { class: "seen-only-by-readers" });
  const made = el("div", { class: "digits" }, drawing, text, el("small", {}, label));
  made.show = (value) => {
    if (made.dataset.value === value) return;
    made.dataset.value = value;
    put(text, value);
    const shown = value.padStart(3);
    places.forEach((group, place) => {
      const lit = SEGMENTS[shown[place]] ?? "";
      for (const shape of group.children) shape.classList.toggle("lit", lit.includes(shape.dataset.segment));
    });
  };
  made.show("");
  return made;
}

// -- counters ---------------------------------------------------------------------------------------------

/** Digit keys; what has been typed is in `typed()` until `clear()`. */
function digitKeys(shown, limit = 6) {
  let held = "";
  const tell = () => put(shown, held ? say("terminal.digits", { digits: held }) : "");
  const type = (digit) => {
    held = (held + digit).slice(-limit);
    tell();
  };
  const clear = () => {
    held = "";
    tell();
  };
  const key = (digit) =>
    el("button", { class: "digit", "aria-label": say("terminal.digit", { digit }), onclick: () => type(digit) }, digit);
  const keys = [..."123456789"].map(key);
  keys.push(el("button", { class: "digit", "aria-label": say("terminal.clear"), onclick: clear }, "C"), key("0"));
  return { keys: el("div", { class: "digit-keys" }, keys), typed: () => held, clear };
}

const functionKeys = (names, press) =>
  el("div", { class: "function-keys" },
    names.map((name) => padKey(name, say(`key.${name}`), () => press(name), { kind: name.toLowerCase() })));

function terminal({ device, address }) {
  const waiting = digits(say("terminal.waiting"));
  const ticket = digits(say("terminal.ticket"));
  const said = line();
  const typed = el("p", { class: "typed", "aria-live": "polite" });
  const keys = digitKeys(typed);
  const beep = el("span", { class: "beep", "aria-hidden": "true" }, "♪");
  const press = async (key) => {
    const content = { key, address, digits: keys.typed() };
    keys.clear();
    const answer = await post(device, content);
    said.tell(answer);
    if (key === "CALL" && answer.result === "ok") tick("call");
  };
  const made = el("div", { class: "terminal", "data-terminal": `${device}/${address}` },
    el("div", { class: "screen" }, waiting, ticket, beep), typed,
    el("div", { class: "keys" }, keys.keys, functionKeys(lobby.keys.terminal, press)), said);
  let beeps;
  on((view) => {
    const now = view.buses[device].terminals[address];
    waiting.show(now.waiting);
    ticket.show(now.ticket);
    made.classList.toggle("dark", !now.on);
    if (beeps !== undefined && now.beeps > beeps) blink(beep);
    beeps = now.beeps;
  });
  return made;
}

/** A beep, to be seen. */
function blink(beep) {
  beep.classList.remove("heard");
  void beep.offsetWidth; // the animation begins again
  beep.classList.add("heard");
}

function rater({ device, address }) {
  const asks = el("span", { class: "asks", role: "status" });
  const press = (score) => post(device, { key: "RATE", address, digits: String(score) }).then((answer) => {
    if (answer.result !== "ok") toast(answer.text ?? "", true);
  });
  const made = el("div", { class: "rater", role: "group", "aria-label": say("rater.title") },
    el("div", { class: "scores" }, [1, 2, 3, 4, 5].map((score) =>
      el("button", { "aria-label": say("rater.score", { score }), onclick: () => press(score) }, String(score)))), asks);
  on((view) => {
    const { asking } = view.buses[device].raters[address];
    made.classList.toggle("asking", asking);
    put(asks, asking ? say("rater.asking") : "");
  });
  return made;
}

function keypad(id) {
  const ticket = el("strong", {}), about = el("span", {}), text = el("p", { class: "text" });
  const typed = el("p", { class: "typed", "aria-live": "polite" });
  const keys = digitKeys(typed);
  const said = line();
  const press = async (key) => {
    const content = { key, digits: keys.typed() };
    keys.clear();
    const answer = await post(id, content);
    said.tell(answer);
    if (key === "CALL" && answer.result === "ok") tick("call");
  };
  on((view) => {
    const screen = view.keypads[id];
    put(ticket, screen.ticket || say("keypad.idle"));
    const next = screen.next ? ` · ${say("keypad.next", { ticket: screen.next })}` : "";
    put(about, "waiting" in screen ? say("keypad.waiting", { n: screen.waiting }) + next : "");
    put(text, screen.text ?? "");
  });
  return el("div", { class: "terminal keypad", "data-keypad": id },
    el("div", { class: "lcd" }, ticket, about, text), typed,
    el("div", { class: "keys" }, keys.keys, functionKeys(lobby.keys.keypad, press)), said);
}

/** A device that has no picture of its own: lines of text, lamps, and keys. */
function other({ id, title }) {
  const lines = el("pre", { class: "cells" });
  const lamps = el("div", { class: "row" });
  const said = line();
  const press = async (key) => said.tell(await post(id, { key }));
  const keys = el("div", { class: "row" });
  on((view) => {
    const shown = view.others[id];
    put(lines, (shown.lines ?? []).join("\n"));
    lines.hidden = !lines.textContent;
    const lit = JSON.stringify([shown.lamps ?? [], shown.keys ?? []]);
    if (lamps.dataset.lit === lit) return;
    lamps.dataset.lit = lit;
    fill(lamps, (shown.lamps ?? []).map(({ name, on: burns }) =>
      el("span", { class: "tag", "data-state": burns ? "offline" : "" }, el("i", { class: "lamp", "aria-hidden": "true" }), name)));
    fill(keys, (shown.keys ?? []).map((key) => el("button", { onclick: () => press(key) }, key)));
  });
  return el("section", { class: "device other", "data-other": id }, head(`${title} ${id}`, tag(id)), lines, lamps, keys, said);
}

function counter(about) {
  const terminals = all(about, "terminals"), raters = all(about, "raters");
  const buses = [...new Set([...terminals, ...raters].map(({ device }) => device))];
  const pads = [...terminals.map(terminal), ...all(about, "keypads").map(keypad)];
  return el("section", { class: "counter", "data-counter": about.id },
    head(say("counter.name", { n: about.id }), el("span", { class: "serves" }, about.serves.join(" · ")), terminals.length ? buses.map((id) => tag(id)) : []),
    all(about, "windows").map(vfd), pads.length ? pads : el("p", { class: "soft" }, say("counter.none")), raters.map(rater));
}

// -- the manager ------------------------------------------------------------------------------------------

function panel(id) {
  const ticket = el("input", { maxLength: 16, autocomplete: "off", "data-field": "ticket" });
  const choice = (items) => el("select", {}, el("option", { value: "" }, say("panel.any")),
    items.map((item) => el("option", { value: item.id }, item.name)));
  const service = choice(lobby.services);
  const window = choice(lobby.counters);
  const reason = el("input", { maxLength: 200, autocomplete: "off" });
  const said = line(say("panel.quiet"));
  const press = async (key) =>
    said.tell(await post(id, {
      key, ticket: ticket.value.trim().toUpperCase(), service: service.value, counter: window.value, reason: reason.value.trim(),
    }));
  const field = (key, input) => el("label", {}, el("span", {}, say(`panel.${key}`)), input);
  return el("section", { class: "device panel", "data-panel": id }, head(say("panel.title")),
    el("div", { class: "fields" }, field("ticket", ticket), field("service", service), field("counter", window), field("reason", reason)),
    functionKeys(lobby.keys.panel, press), said);
}

// -- what breaks ------------------------------------------------------------------------------------------

/** A button that is in or out, as the knob `name` of a device is. */
function toggle(device, name, words) {
  const made = el("button", { class: "knob", "data-knob": name, onclick: () => turn(device, { [name]: made.ariaPressed !== "true" }) });
  on((view) => {
    const value = view.devices[device].knobs[name];
    made.ariaPressed = String(value);
    put(made, typeof words === "function" ? words(value) : words);
  });
  return made;
}

/** One of several values of a knob. */
function choose(device, name, values) {
  const made = el("select", { "aria-label": say(`break.${name}`), "data-knob": name, onchange: () =>
    turn(device, { [name]: values[made.selectedIndex][0] }) }, values.map(([, word]) => el("option", {}, word)));
  on((view) => {
    const place = values.findIndex(([value]) => value === view.devices[device].knobs[name]);
    if (document.activeElement !== made && place >= 0) made.selectedIndex = place;
    made.classList.toggle("set", place > 0);
  });
  return el("label", { class: "choice" }, el("span", {}, say(`break.${name}`)), made);
}

/** A knob's value in words. */
const VALUES = {
  part: (n) => n === 1 ? say("break.always") : say("break.percent", { n: n * 100 }),
  seconds: (n) => say("break.seconds", { n }),
  bytes: (n) => say("break.bytes", { n }),
  bits: (n) => (n ? `${n}` : say("break.same")),
  a_second: (n) => say("break.a_second", { n }),
  hours: (n) => say("break.hours", { n }),
  paper: (value) => say(`break.paper_${value}`),
};
const inWords = (unit, value) => (value || unit === "paper" ? VALUES[unit](value) : say("break.none"));

function knob(id, { name, unit, values }) {
  if (name === "unplugged") return toggle(id, name, (pulled) => say(pulled ? "break.plug" : "break.unplug"));
  if (unit === "switch") return toggle(id, name, say(`break.${name}`));
  return choose(id, name, values.map((value) => [value, inWords(unit, value)]));
}

const NAMES = { "~clock": "break.clock", "~mqtt": "break.buttons" };

function knobs({ id, knobs: all }) {
  const drawn = (near) => all.filter((each) => each.near === near && each.name !== "unplugged").map((each) => knob(id, each));
  const plug = all.find(({ name }) => name === "unplugged");
  const near = drawn(true);
  const far = drawn(false);
  const more = far.length > 0 && el("div", { class: "row extra", hidden: true }, far);
  const open = more && el("button", { class: "more", "aria-label": `${id}: ${say("break.more")}`, "aria-expanded": "false", onclick: () => {
    more.hidden = !more.hidden;
    open.ariaExpanded = String(!more.hidden);
  } }, "⋯");
  return el("li", { "data-wire": id },
    el("div", { class: "row" }, el("strong", {}, NAMES[id] ? say(NAMES[id]) : id), !NAMES[id] && tag(id, true), open, plug && knob(id, plug)),
    near.length > 0 && el("div", { class: "row extra" }, near), more);
}

function breaking() {
  // The first value of each knob is the right one.
  const repair = () => {
    for (const { id, knobs: all } of lobby.wires)
      turn(id, Object.fromEntries(all.map(({ name, values }) => [name, values[0]])));
  };
  const button = el("button", { class: "repair", disabled: true, onclick: repair }, say("break.repair"));
  on((view) => {
    button.disabled = Object.values(view.devices).every(({ knobs: set }) =>
      Object.values(set).every((value) => !value || value === "ok"));
  });
  return el("details", { class: "break", open: matchMedia("(min-width: 80rem)").matches },
    el("summary", {}, el("h2", {}, say("break.title"))),
    el("p", { class: "soft" }, say("break.about")), el("ul", {}, lobby.wires.map(knobs)), button);
}

// -- what to try first ------------------------------------------------------------------------------------

// Where each step is done.
const STEPS = { take: ".kiosk", call: ".counters", unplug: ".break" };

/** Show where a step is done. */
function lead(step) {
  const place = document.querySelector(STEPS[step]);
  if (!place) return;
  if (place.tagName === "DETAILS") place.open = true;
  place.scrollIntoView({ block: "nearest" });
  place.classList.remove("here");
  void place.offsetWidth; // the animation begins again
  place.classList.add("here");
}

/** Tick a step off. */
function tick(step) {
  const item = document.querySelector(`[data-step="${step}"]`);
  if (!item || item.classList.contains("done")) return;
  item.classList.add("done");
  item.querySelector("b").textContent = "✓";
}

// -- the whole --------------------------------------------------------------------------------------------

function top() {
  const steps = el("ol", { class: "try", "aria-label": say("try.title") }, Object.keys(STEPS).map((key, place) =>
    el("li", { "data-step": key }, el("button", { onclick: () => lead(key) },
      el("b", { "aria-hidden": "true" }, String(place + 1)), say(`try.${key}`)))));
  const links = page.links.length > 0 && el("nav", { "aria-label": say("page.links") },
    page.links.map(({ name, href }) => el("a", { href, target: "_blank", rel: "noopener" }, name)));
  let people = false;
  if (lobby.people) {
    people = el("button", { class: "people", onclick: () => ask("POST", "/lobby/people", { on: people.ariaPressed !== "true" }) },
      el("strong", {}), el("small", {}));
    on((view) => {
      people.ariaPressed = String(view.people);
      put(people.children[0], say(view.people ? "people.on" : "people.off"));
      put(people.children[1], say(view.people ? "people.pause" : "people.resume"));
    });
  }
  const title = document.querySelector("h1");
  title.className = "";
  fill(title, page.words["page.title"], " ", el("span", {}, lobby.branch));
  return el("header", { class: "top" }, el("div", { class: "what" }, title, el("p", {}, say("page.about"))), steps, lobby.speeds.length > 0 && time(on), people, links);
}

document.getElementById("main").append(top(), el("div", { class: "floor" },
  el("div", { class: "left" }, all(lobby, "kiosks").map(kiosk), all(lobby, "readers").map(reader), all(lobby, "printers").map(printer)),
  el("div", { class: "middle" },
    el("div", { class: "wall" }, all(lobby, "boards").map(board), lobby.mqtt && notices()),
    el("div", { class: "others" }, all(lobby, "others").map(other)), el("div", { class: "counters" }, lobby.counters.map(counter))),
  el("div", { class: "right" }, all(lobby, "panels").map(panel), breaking())));

watch("/lobby/stream", (view) => view && updates.forEach((update) => update(view)));
