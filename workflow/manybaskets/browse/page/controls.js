// Choices of values, conditions and filters.
const GENERAL = [["", "order of the data"], ["category", "category"], ["head", "text of the prompt"]];

function options(select, groups, chosen) {
  select.replaceChildren();
  for (const [label, entries] of groups) {
    const place = label ? element("optgroup", { label }) : select;
    for (const [value, text] of entries) place.append(element("option", { value }, text));
    if (label && entries.length) select.append(place);
  }
  if (chosen !== undefined && [...select.options].some((option) => option.value === chosen)) select.value = chosen;
}

function measureGroups(set) {
  const named = (kind) =>
    set.measures.map((measure, number) => [String(number), withUnit(measure)])
      .filter((_, number) => set.measures[number].kind === kind);
  return [["Measures", named("measure")], ["Judges", named("judge")]];
}

function conditionGroups(set) {
  const groups = groupsOf(set);
  const several = groups.some(({ members }) => members.length > 1);
  return [
    ["Conditions", groups.map(({ label, members }, number) => [`g${number}`, members.length > 1 ? `${label}, mean of seeds` : label])],
    ["Single runs", several ? set.conditions.map(({ label }, number) => [`c${number}`, label]) : []],
  ];
}

const EVERY = ["All conditions", [["mean", "all conditions, mean"], ["range", "all conditions, range"]]];
const NO_MINUS = ["", [["", "nothing"]]];

function fillSetControls(set) {
  const byId = (id) => document.getElementById(id);
  options(byId("sort-measure"), [["General", GENERAL], ...measureGroups(set)]);
  options(byId("sort-of"), [EVERY, ...conditionGroups(set)]);
  options(byId("sort-minus"), [NO_MINUS, ...conditionGroups(set)]);
  options(byId("category"), [["", [["", "all categories"], ...set.index.categories.map((name, number) => [String(number), name || "none"])]]]);
  byId("filters").replaceChildren();
  byId("add-filter").hidden = set.measures.length === 0;
  const baselines = set.conditions.map(({ label }, number) => [String(number), label]);
  options(byId("baseline"), [["", [["", "nothing"], ["reference", "the reference"], ...baselines]]]);
  fillShown(set);
}

function fillShown(set) {
  const boxes = groupsOf(set).map(({ label, members }) => {
    const box = element("input", { type: "checkbox", value: members.join(" ") });
    box.checked = true;
    return element("label", {}, box, ` ${label}`);
  });
  if (set.conditions.length > boxes.length) {
    const first = element("input", { type: "checkbox", id: "first-seeds" });
    boxes.push(element("label", {}, first, " only the first seed of each"));
  }
  document.getElementById("shown-list").replaceChildren(...boxes);
}

// Numbers of the conditions that are ticked.
function shownConditions() {
  const first = document.getElementById("first-seeds");
  const ticked = [...document.querySelectorAll("#shown-list input[value]")].filter((box) => box.checked && box.id !== "first-seeds");
  return ticked.flatMap((box) => box.value.split(" ").map(Number).slice(0, first && first.checked ? 1 : undefined));
}

function addFilter(set, onChange) {
  const field = (name, control) => element("label", {}, `${name} `, control);
  const measure = element("select", { "data-role": "measure" }), of = element("select", { "data-role": "of" });
  const minus = element("select", { "data-role": "minus" }), relation = element("select", { "data-role": "relation" });
  const bound = element("input", { "data-role": "bound", type: "number", step: "any", value: "0" });
  options(measure, measureGroups(set));
  options(of, [EVERY, ...conditionGroups(set)]);
  options(minus, [NO_MINUS, ...conditionGroups(set)]);
  options(relation, [["", [["ge", "at least"], ["le", "at most"], ["eq", "equal to"]]]]);
  const remove = element("button", { type: "button" }, "Remove this filter");
  const box = element("fieldset", { class: "filter" }, element("legend", {}, "Only prompts with"), field("value", measure),
    field("of", of), field("minus", minus), field("is", relation), field("number", bound), remove);
  remove.addEventListener("click", () => {
    box.remove();
    document.getElementById("add-filter").focus();
    onChange();
  });
  box.addEventListener("change", onChange);
  bound.addEventListener("input", onChange);
  document.getElementById("filters").append(box);
  measure.focus();
}

function readFilters() {
  return [...document.querySelectorAll(".filter")].map((box) => {
    const value = (role) => box.querySelector(`[data-role=${role}]`).value;
    return { quantity: { measure: value("measure"), of: value("of"), minus: value("minus") }, relation: value("relation"), bound: parseFloat(value("bound")) };
  });
}

function passes(value, { relation, bound }) {
  if (Number.isNaN(bound)) return true;
  if (relation === "ge") return value >= bound;
  if (relation === "le") return value <= bound;
  return shownNumber(value) === shownNumber(bound);
}
