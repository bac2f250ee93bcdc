"use strict";
// Conveniences of the report: without scripts everything can still be read.

// A link to something in a closed section opens it.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let place = target; place; place = place.parentElement) {
    if (place.tagName === "DETAILS") place.open = true;
  }
  target.scrollIntoView();
}
addEventListener("hashchange", openTarget);
openTarget();

// Figures are compressed in the page, and unpacked when their section is opened.
async function unpack(image) {
  const packed = Uint8Array.from(atob(image.dataset.svg), (letter) => letter.charCodeAt(0));
  delete image.dataset.svg;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const svg = await new Response(stream).arrayBuffer();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
}

for (const section of document.querySelectorAll("details")) {
  section.addEventListener("toggle", () => {
    if (section.open) section.querySelectorAll("img[data-svg]").forEach(unpack);
  });
}

// Numbers as the report writes them: a true minus sign, "<0.0001", "12 %", "∞"; text is not a number.
function shownNumber(text) {
  const plain = text.replace(/\u2212/g, "-").replace(/^[<>\u2264\u2265]\s*/, "").replace(/\s*%$/, "");
  if (plain === "\u221e") return Infinity;
  if (plain === "-\u221e") return -Infinity;
  return plain === "" ? NaN : Number(plain);
}

function compareCells(first, second) {
  const [a, b] = [shownNumber(first), shownNumber(second)];
  if (Number.isNaN(a) && Number.isNaN(b)) return first.localeCompare(second);
  if (Number.isNaN(a)) return 1;
  if (Number.isNaN(b)) return -1;
  return a - b;
}

function sortBy(table, header, column) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  const text = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
  rows.sort((a, b) => compareCells(text.get(a), text.get(b)) * (descending ? -1 : 1));
  table.tBodies[0].append(...rows);
}

function filterRows(table, words, shown) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
    if (!row.hidden) count += 1;
  }
  shown.textContent = wanted.length ? `${count} rows` : "";
}

for (const figure of document.querySelectorAll("figure.table")) {
  const table = figure.querySelector("table");
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sortBy(table, header, column));
    header.replaceChildren(button);
  });
  if (table.tBodies[0].rows.length > 12) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const shown = document.createElement("output");
    input.type = "search";
    label.className = "filter";
    label.append("Filter rows ", input, " ", shown);
    input.addEventListener("input", () => filterRows(table, input.value, shown));
    figure.querySelector(".scroll").before(label);
  }
}
