// Times as the sections of the record show them.

import { clock, date, page } from "./common.js";

/** A time in the branch's zone: of another day than `now` with its date. */
export function when(at, now) {
  const day = (time) => new Intl.DateTimeFormat("sv-SE", { timeZone: page.timezone }).format(time);
  return day(at) === day(now) ? clock(at) : `${date(day(at), { month: "numeric", day: "numeric" })} ${clock(at)}`;
}
