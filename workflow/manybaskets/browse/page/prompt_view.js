// One prompt with all answers. Every text is put into the page as text, never as HTML.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function textBox(text) {
  return element("div", { class: "text", dir: "auto" }, text);
}

function showQuestion(set, entry) {
  const box = document.getElementById("question");
  box.replaceChildren();
  if (entry.instruction === null) {
    box.append("The texts of this prompt and its answers are restricted; only scores are shown. See docs/browse.md.");
    return;
  }
  box.append(textBox(entry.instruction));
  if (entry.context) {
    const context = element("details", { open: "" }, element("summary", {}, "Context"));
    context.append(element("div", { class: "text", dir: "auto", tabindex: "0", role: "region", "aria-label": "Context" }, entry.context));
    box.append(context);
  }
  entry.followUps.forEach((text, number) => {
    box.append(element("h3", {}, `Question ${number + 2}`), textBox(text));
  });
}

// Answers of a condition, or the reference as an answer of its own.
function answersOf(entry, choice) {
  if (choice === "reference") return entry.reference === null ? [] : [{ sample: 0, turn: 0, text: entry.reference, finish: "stop", error: null }];
  return entry.answers
    .filter(([condition]) => condition === Number(choice))
    .map(([, sample, turn, text, finish, error]) => ({ sample, turn, text, finish, error }));
}

function answerBoxes(answer, several, baseline) {
  const boxes = [];
  const about = [];
  if (several) about.push(`sample ${answer.sample + 1}` + (answer.turn ? `, answer ${answer.turn + 1}` : ""));
  if (answer.finish === "length") about.push("cut at the token limit");
  if (answer.error) about.push(`failed: ${answer.error}`);
  if (about.length) boxes.push(element("p", { class: "soft" }, about.join("; ")));
  if (answer.text === null) return boxes;
  const pieces = baseline && baseline.text !== null ? wordDiff(baseline.text, answer.text) : undefined;
  if (pieces === undefined) boxes.push(textBox(answer.text));
  else if (pieces === null) boxes.push(element("p", { class: "soft" }, "Too different to mark words."), textBox(answer.text));
  else {
    const box = textBox("");
    for (const [kind, text] of pieces) {
      box.append(kind === "same" ? text : element(kind === "added" ? "ins" : "del", {}, text));
    }
    boxes.push(box);
  }
  return boxes;
}

function card(title, number, answers, baselineAnswers, scores, withheld = false) {
  const heading = element("h3", { id: `card-${number}` }, title);
  const box = element("article", { "aria-labelledby": `card-${number}` }, heading);
  for (const answer of answers) {
    const same = (each) => each.sample === answer.sample && each.turn === answer.turn;
    const baseline = baselineAnswers && (baselineAnswers.find(same) ?? baselineAnswers[0]);
    box.append(...answerBoxes(answer, answers.length > 1, baseline));
  }
  if (!answers.length && !withheld) box.append(element("p", { class: "soft" }, "No text."));
  if (scores.length) {
    box.append(element("dl", {}, ...scores.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])));
  }
  return box;
}

// `state` has the numbers of the conditions to show, the baseline of word differences ("" for none), and
// the numbers of the measures on the cards.
function showAnswers(set, entry, state) {
  const compared = state.baseline === "" ? null : answersOf(entry, state.baseline);
  const cards = [];
  if (entry.reference !== null) {
    const own = state.baseline !== "reference" ? compared : null;
    const reference = card("Reference", "reference", answersOf(entry, "reference"), own, []);
    reference.classList.add("reference");
    cards.push(reference);
  }
  for (const number of state.conditions) {
    const answers = answersOf(entry, number);
    const scores = state.onCards
      .filter((measure) => entry.values[measure][number] !== null)
      .map((measure) => [set.measures[measure].label, shownValue(set, measure, entry.values[measure][number])]);
    if (!answers.length && !scores.length) continue;
    const own = state.baseline !== String(number) ? compared : null;
    cards.push(card(set.conditions[number].label, number, answers, own, scores, set.withheld));
  }
  document.getElementById("cards").replaceChildren(...cards);
}

function showScores(set, entry, conditions) {
  const used = set.measures.map((_, number) => number).filter((number) => entry.values[number].some((value) => value !== null));
  const head = element("tr", {}, element("td", {}, "Condition"));
  for (const number of used) {
    head.append(element("th", { scope: "col" }, withUnit(set.measures[number])));
  }
  const body = element("tbody");
  for (const condition of conditions) {
    if (used.every((number) => entry.values[number][condition] === null)) continue;
    const row = element("tr", {}, element("th", { scope: "row" }, set.conditions[condition].label));
    for (const number of used) row.append(element("td", {}, shownValue(set, number, entry.values[number][condition])));
    body.append(row);
  }
  document.getElementById("scores").replaceChildren(element("table", {}, element("thead", {}, head), body));
  document.getElementById("scores").hidden = document.getElementById("scores-title").hidden = used.length === 0;
}
