// The list of prompts. Only the rows in sight are in the page.
const ROW = 52; // pixels; the style has the same as 3.25rem

function makeList(onChoice) {
  const list = document.getElementById("list"), rows = document.getElementById("rows");
  let set = null, order = [], chosen = -1, note = () => "";

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
    const last = Math.min(order.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 4);
    const drawn = [];
    for (let place = first; place < last; place++) drawn.push(row(place));
    rows.replaceChildren(...drawn);
    rows.style.height = `${order.length * ROW}px`;
    list.hidden = order.length === 0;
    if (chosen >= first && chosen < last) list.setAttribute("aria-activedescendant", `row-${chosen}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function row(place) {
    const prompt = order[place];
    const box = element("div", {
      class: "row", id: `row-${place}`, role: "option", "aria-selected": String(place === chosen),
      "aria-posinset": place + 1, "aria-setsize": order.length,
    });
    box.style.top = `${place * ROW}px`;
    const details = [set.index.categories[set.index.category[prompt]], note(prompt)].filter(Boolean);
    box.append(element("span", {}, set.index.heads[prompt] || set.index.ids[prompt]), element("span", {}, details.join(" · ") || " "));
    box.addEventListener("click", () => choose(place));
    return box;
  }

  function choose(place) {
    if (!order.length) return;
    chosen = Math.min(Math.max(place, 0), order.length - 1);
    const top = chosen * ROW;
    if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = Math.max(0, top - list.clientHeight / 3);
    draw();
    onChoice(order[chosen]);
  }

  list.addEventListener("scroll", draw, { passive: true });
  window.addEventListener("resize", draw);
  list.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      event.preventDefault();
      choose(chosen + steps[event.key]);
    }
  });
  return {
    // Show some prompts of a set in an order, from the first one or where the chosen one is.
    show(newSet, newOrder, newNote, chosenPrompt, atChosen) {
      [set, order, note] = [newSet, newOrder, newNote];
      chosen = order.indexOf(chosenPrompt);
      list.hidden = order.length === 0;
      rows.style.height = `${order.length * ROW}px`;
      list.scrollTop = chosen < 0 || !atChosen ? 0 : Math.max(0, chosen * ROW - list.clientHeight / 3);
      draw();
    },
    step: (by) => choose(chosen + by),
    chooseFirst: () => choose(0),
  };
}
