// A quantity is a value of some conditions, or a difference of two: {measure, of, minus}.
// `of` and `minus` are "mean", "range" (of all conditions), "g<number>" (a mean over seeds) or "c<number>".
const NOTHING = "–";

function groupsOf(set) {
  const groups = new Map();
  set.conditions.forEach((condition, number) => {
    if (!groups.has(condition.group)) groups.set(condition.group, []);
    groups.get(condition.group).push(number);
  });
  return [...groups].map(([label, members]) => ({ label, members }));
}

function membersOf(set, choice) {
  if (choice.startsWith("c")) return [Number(choice.slice(1))];
  if (choice.startsWith("g")) return groupsOf(set)[Number(choice.slice(1))].members;
  return set.conditions.map((_, number) => number);
}

// One number per prompt; NaN where there is none.
async function quantityValues(set, quantity) {
  const column = await numbers(`${set.number}/values-${quantity.measure}`);
  const one = (choice) => {
    const members = membersOf(set, choice);
    const result = new Float64Array(set.prompts).fill(NaN);
    for (let prompt = 0; prompt < set.prompts; prompt++) {
      let sum = 0, count = 0, least = Infinity, most = -Infinity;
      for (const member of members) {
        const value = column[member * set.prompts + prompt];
        if (Number.isNaN(value)) continue;
        sum += value;
        count += 1;
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
      if (count) result[prompt] = choice === "range" ? most - least : sum / count;
    }
    return result;
  };
  const values = one(quantity.of);
  if (quantity.minus) one(quantity.minus).forEach((value, prompt) => (values[prompt] -= value));
  // Readers see perplexities, whose differences are ratios.
  if (set.measures[quantity.measure].transform === "exp") return values.map(Math.exp);
  return values;
}

// A measure's label with its unit, unless the label names it.
function withUnit({ label, unit }) {
  return unit && !label.toLowerCase().includes(unit.toLowerCase()) ? `${label} (${unit})` : label;
}

function shownNumber(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

function shownValue(set, measure, value) {
  if (value === null) return NOTHING;
  return shownNumber(set.measures[measure].transform === "exp" ? Math.exp(value) : value);
}

function isRatio(set, quantity) {
  const apart = quantity.minus || quantity.of === "range";
  return Boolean(apart) && set.measures[quantity.measure].transform === "exp";
}

function shownQuantity(set, quantity, value) {
  if (isRatio(set, quantity)) return Number.isNaN(value) ? NOTHING : `×${shownNumber(value)}`;
  const sign = quantity.minus && value > 0 ? "+" : "";
  return sign + shownNumber(value);
}
