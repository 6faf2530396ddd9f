// Pictures of services, drawn for these pages: lines on a grid of 24 by 24.

const LINES = {
  ticket: "M4 6h16v4a2 2 0 0 0 0 4v4H4v-4a2 2 0 0 0 0-4z M14 6v2 M14 11v2 M14 16v2",
  cash: "M3 6h18v12H3z M12 15a3 3 0 1 0 0-6a3 3 0 0 0 0 6z M6 9v.1 M18 15v.1",
  person: "M12 11.5a4 4 0 1 0 0-8a4 4 0 0 0 0 8z M4 20.5c0-4 3.5-6 8-6s8 2 8 6z",
  company: "M4 21V5l8-2v18 M12 8h8v13 M2 21h20 M7.5 8h1 M7.5 12h1 M7.5 16h1 M15.5 12h1 M15.5 16h1",
  card: "M3 6h18v12H3z M3 10h18 M6 14.5h4",
  loan: "M3 11l9-8 9 8 M5.5 9V21h13V9 M10 21v-6h4v6",
  savings: "M5 7c0-4 14-4 14 0s-14 4-14 0z M5 7v5c0 4 14 4 14 0V7 M5 12v5c0 4 14 4 14 0v-5",
  exchange: "M4 8h16l-4-4 M20 16H4l4 4",
  transfer: "M3 5v14 M7 12h14 M15 6l6 6-6 6",
  insurance: "M12 3l8 3v6c0 5-3.5 7.8-8 9.3C7.5 19.8 4 17 4 12V6z M8.5 12l2.5 2.5 4.5-5",
  phone: "M7 2h10v20H7z M11 18.5h2",
  help: "M12 21a9 9 0 1 0 0-18a9 9 0 0 0 0 18z M9.3 9.8a2.7 2.7 0 1 1 4 2.2c-.9.5-1.3 1-1.3 2 M12 17v.1",
};

/** A picture by its name, in the colour of the text beside it, which says the same: readers pass over it. */
export function icon(name) {
  const [picture, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  path.setAttribute("d", LINES[name] ?? LINES.ticket);
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  picture.append(path);
  return picture;
}
