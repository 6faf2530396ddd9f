// How what the television shows is fitted into the room that there is.

const TRIES = 7; // halvings of the range of sizes
const LEAST = 0.2; // of the usual size

/** Make type smaller until none of `lines` is wider than its room. */
export function fit(lines, sized = lines[0]) {
  if (!sized) return;
  sized.style.fontSize = "";
  const most = Math.max(1, ...lines.map((line) => line.scrollWidth / line.clientWidth));
  if (most > 1) sized.style.fontSize = `${parseFloat(getComputedStyle(sized).fontSize) / most / 1.01}px`;
}

/**
 * Make what is in a box smaller, by --scale, until nothing of it is cut; `wide`: what must not be wider than its room
 * either. The scale that it came to.
 */
export function shrink(box, wide = () => []) {
  const fits = (scale) => {
    box.style.setProperty("--scale", scale);
    return box.scrollHeight <= box.clientHeight + 1 && [box, ...wide()].every((each) => each.scrollWidth <= each.clientWidth + 1);
  };
  if (fits(1)) return 1;
  let [small, large] = [LEAST, 1];
  for (let n = 0; n < TRIES; n++) {
    const middle = (small + large) / 2;
    if (fits(middle)) small = middle;
    else large = middle;
  }
  fits(small);
  return small;
}

/** Draw a box in as many columns, up to `most`, as make its type largest; `draw(columns)` draws it. */
export function columns(box, most, draw, wide) {
  let [best, scale] = [1, 0];
  for (let count = 1; count <= most && scale < 1; count++) {
    draw(count);
    const found = shrink(box, wide);
    if (found > scale * 1.05) [best, scale] = [count, found];
  }
  draw(best);
  shrink(box, wide);
}
