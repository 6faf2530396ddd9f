// The staff's room: how many wait for what, from what the television is told.
import { el, fill, say, watch } from "./common.js";

const list = el("ul", { "aria-live": "polite" });
document.getElementById("main").append(el("h2", {}, say("page.lounge.waiting")), list);

watch("/api/television/live", (picture) => {
  fill(list, ...picture.services.map((each) => el("li", {}, `${each.name}: ${each.waiting} ${each.wait}`)));
});
