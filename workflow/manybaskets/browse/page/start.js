// What the page does: a set, its prompts in order, one of them in view, its id in the address.
const byId = (id) => document.getElementById(id);
const MOST_ON_CARDS = 4;
let sets = [], set = null, prompt = -1, entry = null, turn = 0;

function say(text) {
  byId("message").textContent = text;
  byId("message").hidden = !text;
}

const list = makeList((chosen) => showPrompt(chosen, true));

async function openSet(number) {
  const opened = sets[number];
  opened.index = await indexes(`${number}/index`);
  set = opened;
  entry = null;
  byId("set").value = String(number);
  fillSetControls(set);
  byId("search").value = "";
  const sample = set.prompts < set.of ? ` This page shows a random sample of ${set.prompts} of ${set.of} prompts.` : "";
  const withheld = set.withheld ? " The texts of this prompt set are restricted: only scores are shown." : "";
  say((sample + withheld).trim());
}

function sortQuantity() {
  const measure = byId("sort-measure").value;
  if (!/^\d+$/.test(measure)) return null;
  return { measure, of: byId("sort-of").value, minus: byId("sort-minus").value };
}

// Which prompts are listed, in which order. A later call makes an earlier one that still waits give up.
async function refresh({ atChosen = false } = {}) {
  const mine = ++turn, current = set, key = byId("sort-measure").value, quantity = sortQuantity();
  for (const id of ["sort-of", "sort-minus"]) byId(id).disabled = !quantity;
  const filters = readFilters();
  const [sorted, ...filtered] = await Promise.all(
    [quantity, ...filters.map((filter) => filter.quantity)].map((each) => each && quantityValues(current, each)));
  if (mine !== turn) return;
  const { ids, heads, category } = current.index;
  const words = byId("search").value.trim().toLowerCase(), chosenCategory = byId("category").value;
  let order = ids.map((_, number) => number).filter((number) =>
    (chosenCategory === "" || category[number] === Number(chosenCategory)) &&
    (!words || heads[number].toLowerCase().includes(words) || ids[number].startsWith(words)) &&
    filters.every((filter, place) => passes(filtered[place][number], filter)));
  const way = Number(byId("sort-order").value);
  byId("sort-order").disabled = !quantity;
  if (quantity) {
    const has = (number) => !Number.isNaN(sorted[number]);
    order.sort((a, b) => has(b) - has(a) || (has(a) ? way * (sorted[a] - sorted[b]) : 0) || a - b);
  } else if (key === "category") order.sort((a, b) => category[a] - category[b] || a - b);
  else if (key === "head") order.sort((a, b) => heads[a].localeCompare(heads[b]) || a - b);
  list.show(current, order, (number) => (quantity ? shownQuantity(current, quantity, sorted[number]) : ""), prompt, atChosen);
  byId("count").textContent = order.length ? `${order.length} of ${current.prompts} prompts` : "No prompt matches.";
  if (entry) drawAnswers();
  return order;
}

async function showPrompt(number, addressed) {
  const current = set, { ids, starts, category, categories, repeated } = set.index;
  prompt = number;
  const chunk = starts.findLastIndex((start) => start <= number);
  const found = (await texts(`${current.number}/texts-${chunk}`))[number - starts[chunk]];
  if (current !== set || prompt !== number) return;
  entry = found;
  const id = ids[number];
  const address = repeated.includes(number) ? `#${set.name}/${id}` : `#${id}`;
  if (addressed) history.replaceState(null, "", address);
  byId("prompt-title").textContent = `Prompt ${id}`;
  byId("permalink").href = address;
  byId("about-prompt").textContent = [set.title, categories[category[number]] && `category ${categories[category[number]]}`].filter(Boolean).join("; ");
  showQuestion(set, entry);
  drawAnswers();
  byId("view").hidden = false;
  document.documentElement.dataset.shown = id;
}

// Measures on the cards: the one that prompts are sorted by, the judges', then those of the text itself.
function measuresOnCards() {
  const quantity = sortQuantity(), judges = [], ofText = [], others = [];
  set.measures.forEach(({ kind, likelihood }, number) => (kind === "judge" ? judges : likelihood ? others : ofText).push(number));
  const chosen = quantity ? [Number(quantity.measure)] : [];
  const known = (number) => entry.values[number].some((value) => value !== null);
  return [...new Set([...chosen, ...judges, ...ofText, ...others])].filter(known).slice(0, Math.max(MOST_ON_CARDS, judges.length));
}

function drawAnswers() {
  const conditions = shownConditions();
  showAnswers(set, entry, { conditions, baseline: byId("baseline").value, onCards: measuresOnCards() });
  showScores(set, entry, conditions);
  byId("shown-title").textContent = `Conditions (${conditions.length} of ${set.conditions.length} shown)`;
}

// Sort a set as an address says: `#<prompt set>?sort=<measure>&of=<condition>&minus=<condition>`.
async function followSorting(name, query) {
  const asked = new URLSearchParams(query), named = sets.find((each) => each.name === name) ?? sets[0];
  await openSet(named.number);
  const measure = set.measures.findIndex((each) => each.name === asked.get("sort"));
  if (measure >= 0) byId("sort-measure").value = String(measure);
  else say(`This page has no measure ${asked.get("sort")} of this prompt set.`);
  for (const key of ["of", "minus"]) {
    const group = groupsOf(set).findIndex(({ label }) => label === asked.get(key));
    if (group >= 0) byId(`sort-${key}`).value = `g${group}`;
  }
  await refresh();
  list.chooseFirst();
}

// Show the prompt of the address: `#<prompt_id>`, or `#<prompt set>/<prompt_id>`.
async function followAddress() {
  const [address, query] = decodeURIComponent(location.hash.slice(1)).split("?"), slash = address.lastIndexOf("/");
  if (query !== undefined) return followSorting(address, query);
  const id = address.slice(slash + 1), named = address.slice(0, Math.max(0, slash));
  if (id && id !== "prompt") {
    for (const each of sets.filter(({ name }) => !named || name === named)) {
      const number = (await indexes(`${each.number}/index`)).ids.indexOf(id);
      if (number < 0) continue;
      if (set !== each) await openSet(each.number);
      await showPrompt(number, false);
      await refresh({ atChosen: true });
      return;
    }
  }
  if (!set) {
    await openSet(0);
    await refresh();
    if (set.prompts) list.chooseFirst();
  }
  if (id && id !== "prompt") {
    const sampled = sets.some((each) => each.prompts < each.of);
    say(`No prompt of this page has the id ${id}.` + (sampled ? " The page shows a sample of the prompts." : ""));
  }
}

function listen() {
  byId("set").addEventListener("change", async () => {
    entry = null;
    prompt = -1;
    await openSet(Number(byId("set").value));
    await refresh();
    list.chooseFirst();
  });
  for (const id of ["sorting", "category"]) byId(id).addEventListener("change", () => refresh());
  byId("search").addEventListener("input", () => refresh());
  byId("add-filter").addEventListener("click", () => {
    addFilter(set, refresh);
    refresh();
  });
  byId("baseline").addEventListener("change", drawAnswers);
  byId("shown-list").addEventListener("change", drawAnswers);
  byId("previous").addEventListener("click", () => list.step(-1));
  byId("next").addEventListener("click", () => list.step(1));
  window.addEventListener("hashchange", followAddress);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    if (event.key === "j") list.step(1);
    else if (event.key === "k") list.step(-1);
    else if (event.key === "d") {
      byId("baseline").value = byId("baseline").value ? "" : "reference";
      drawAnswers();
    } else if (event.key === "/") byId("search").focus();
    else return;
    event.preventDefault();
  });
}

async function start() {
  const study = await loadValue("study");
  sets = study.sets.map((each, number) => ({ ...each, number }));
  byId("restricted").hidden = !study.restricted;
  options(byId("set"), [["", sets.map(({ title, prompts }, number) => [String(number), `${title} (${prompts})`])]]);
  if (matchMedia("(max-width: 50rem)").matches) byId("choices").removeAttribute("open");
  if (!sets.length) return say("This study has no answers to show.");
  listen();
  await followAddress();
}

window.addEventListener("unhandledrejection", (event) => say(String(event.reason.message ?? event.reason)));
start();
