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

// Numbers in order, then text in order; what is no number stays last in both directions.
function sortBy(table, header, column) {
  const way = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
  const keyed = [...table.tBodies[0].rows].map((row) => {
    const text = row.cells[column].textContent.trim();
    return { row, text, number: shownNumber(text) };
  });
  const numbers = keyed.filter((each) => !Number.isNaN(each.number));
  const texts = keyed.filter((each) => Number.isNaN(each.number));
  numbers.sort((a, b) => (a.number - b.number) * way);
  texts.sort((a, b) => a.text.localeCompare(b.text) * way);
  table.tBodies[0].append(...[...numbers, ...texts].map((each) => each.row));
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
