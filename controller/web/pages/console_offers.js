// What would be accepted now about a ticket or a counter: asked of the controller, which alone knows its rules.

import { ask } from "./common.js";
import { sheet } from "./console_sheet.js";

/** A key of the panel, with the service or counter that is chosen with it. */
export const offerId = (key, { service = "", counter = "" } = {}) => `${key}/${service}/${counter}`;

/** What is offered for one of the `tickets` or `counters`, as a set of `offerId`; nothing, if nobody answers. */
export async function offersOf(kind, name) {
  const answer = await ask("GET", `/api/${kind}/${encodeURIComponent(name)}/offers`);
  return new Set((answer.offers ?? []).map((each) => offerId(each.key, each)));
}

let asking = false;

/** Keep the open sheet to what would still be accepted; `item` is what it was opened with. */
export async function keepOffers(item, kind, name) {
  if (asking) return;
  asking = true;
  const offers = await offersOf(kind, name);
  asking = false;
  if (sheet.shows(item)) sheet.allow(offers);
}
