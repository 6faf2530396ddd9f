// Pictures and clips of the branch's own folder, in turn, in an area that is only there if there are any.
import { el, page } from "./common.js";

const LONGEST = 180000; // ms of a clip
const AGAIN = 60000; // ms after which what could not be shown is tried again

/** Where they are shown. Nothing here says anything about the hall. */
export const media = el("section", { class: "media", "aria-hidden": "true", hidden: true });

let list = [];
let resting = true; // the branch is closed, or nothing is heard from the controller
let speaking = false;
let on = ""; // the address of what is shown
let timer;
const broken = new Map(); // address -> when it could not be shown, ms since the page was loaded

/** What there is to show, as `{src, clip}`; `rest`: nothing moves, and nothing is loaded. */
export function show(found, rest) {
  const changed = JSON.stringify(found) !== JSON.stringify(list);
  list = found;
  if (rest !== resting) {
    resting = rest;
    if (rest) stop();
    else next();
  } else if (changed && !list.some(({ src }) => src === on)) next();
}

/** No clip is heard while a call is spoken. */
export function hush(now) {
  speaking = now;
  const clip = media.querySelector("video");
  if (clip) clip.muted = muted();
}

const muted = () => speaking || !page.media.sound;

function stop() {
  clearTimeout(timer);
  media.querySelector("video")?.pause();
}

function next() {
  stop();
  if (resting) return;
  const good = list.filter(({ src }) => performance.now() - (broken.get(src) ?? -AGAIN) >= AGAIN);
  if (!good.length) {
    empty();
    if (list.length) timer = setTimeout(next, AGAIN);
    return;
  }
  if (good.length === 1 && good[0].src === on) {
    media.querySelector("video")?.play().catch(() => {});
    return;
  }
  const after = list.findIndex(({ src }) => src === on);
  start(good.find((each) => list.indexOf(each) > after) ?? good[0], good.length);
}

function empty() {
  on = "";
  media.replaceChildren();
  if (!media.hidden) {
    media.hidden = true;
    dispatchEvent(new Event("resize"));
  }
}

function start({ src, clip }, count) {
  on = src;
  const fail = () => {
    if (on !== src) return;
    broken.set(src, performance.now());
    next();
  };
  const shown = () => {
    if (on !== src) return;
    media.replaceChildren(made);
    if (media.hidden) {
      media.hidden = false;
      dispatchEvent(new Event("resize"));
    }
    clearTimeout(timer);
    timer = setTimeout(next, clip ? LONGEST : page.media.seconds * 1000);
  };
  let made;
  if (clip) {
    made = el("video", { muted: muted(), playsInline: true, autoplay: false, loop: count === 1, onended: next, onerror: fail });
    // A browser that lets nothing be heard untouched plays it without sound.
    made.oncanplay = () => {
      made.oncanplay = null;
      shown();
      made.play().catch(() => {
        made.muted = true;
        made.play().catch(fail);
      });
    };
  } else made = el("img", { alt: "", onload: shown, onerror: fail });
  timer = setTimeout(fail, LONGEST);
  made.src = src;
}
