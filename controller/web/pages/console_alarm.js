// What cannot wait is heard, and shown by the browser beside its page, once she has switched that on.

import { el, page, put, say } from "./common.js";
import { tell } from "./console_deeds.js";
import { addPart, keep, kept, view } from "./console_hall.js";

const TONES = [880, 1175, 880]; // Hz
const TONE = 0.18; // seconds

let on = kept("alarm") === "on";
let audio;
let told = new Set(); // the urgent faults that have been told, by id and since when

export const alarm = el("button", { type: "button", class: "quiet alarm", "data-reads": true, onclick: turn });
show();

function show() {
  put(alarm, say(on ? "page.console.alarm_on" : "page.console.alarm_off"));
  alarm.setAttribute("aria-pressed", String(on));
}

async function turn() {
  on = !on;
  keep("alarm", on ? "on" : "off");
  show();
  if (!on) return tell(say("page.console.alarm_is_off"));
  ready();
  chime();
  const may = await allowed();
  tell(say(may ? "page.console.alarm_is_on" : "page.console.alarm_only_sound"), { refused: !may });
}

/** Whether the browser shows notifications for us; it may refuse, as it does on pages that are not encrypted. */
async function allowed() {
  if (!("Notification" in window)) return false;
  if (Notification.permission !== "default") return Notification.permission === "granted";
  try {
    return (await Notification.requestPermission()) === "granted";
  } catch {
    return false;
  }
}

/** Sound needs a person's touch in most browsers, once for each time the page is loaded. */
function ready() {
  if (!on || !("AudioContext" in window)) return;
  audio ??= new AudioContext();
  audio.resume().catch(() => {});
}
for (const touched of ["pointerup", "keydown"]) addEventListener(touched, ready, { capture: true, passive: true });
ready();

function chime() {
  if (!audio) return;
  TONES.forEach((tone, n) => {
    const [sound, volume] = [audio.createOscillator(), audio.createGain()];
    const begins = audio.currentTime + n * TONE;
    sound.frequency.value = tone;
    volume.gain.setValueAtTime(0.4, begins);
    volume.gain.exponentialRampToValueAtTime(0.001, begins + TONE);
    sound.connect(volume).connect(audio.destination);
    sound.start(begins);
    sound.stop(begins + TONE);
  });
}

function notify(fault) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const shown = new Notification([fault.name, fault.text].filter(Boolean).join(say("page.console.colon")), {
      body: fault.remedy, tag: `${page.branch}/${fault.id}`, requireInteraction: true,
    });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Some phones show none for a page: the sound and the list are there.
  }
}

addPart({
  hear() {
    const urgent = view.faults.filter((fault) => fault.severity === "urgent");
    const key = (fault) => `${fault.id}@${fault.since}`;
    const fresh = urgent.filter((fault) => !told.has(key(fault)));
    told = new Set(urgent.map(key));
    if (!on || !fresh.length) return;
    chime();
    fresh.forEach(notify);
  },
});
