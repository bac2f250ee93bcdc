// Differences of two texts in words: the shortest script, found as Myers (Algorithmica 1, 1986) describes.
const MOST_EDITS = 1500;
const segmenter = window.Intl && Intl.Segmenter ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;

// Words, each with the space before it; space at the end is a word of its own.
function wordsOf(text) {
  const pieces = segmenter ? Array.from(segmenter.segment(text), (piece) => piece.segment) : text.match(/\s+|[^\s]+/g) ?? [];
  const words = [];
  let space = "";
  for (const piece of pieces) {
    if (/^\s+$/.test(piece)) space += piece;
    else {
      words.push(space + piece);
      space = "";
    }
  }
  return space ? [...words, space] : words;
}

// Pieces [kind, text], where the kind is "same" (as in `after`), "gone" (only in `before`) or "added" (only in
// `after`); null for texts with more than MOST_EDITS differences. Space is not compared.
function wordDiff(before, after) {
  const a = wordsOf(before), b = wordsOf(after);
  const same = (x, y) => a[x].trim() === b[y].trim();
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && same(head, head)) head++;
  while (tail < a.length - head && tail < b.length - head && same(a.length - 1 - tail, b.length - 1 - tail)) tail++;
  const middle = editScript(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  if (!middle) return null;
  const script = [...b.slice(0, head).map((word) => ["same", word]), ...middle];
  script.push(...b.slice(b.length - tail).map((word) => ["same", word]));
  return readable(script);
}

// The script in pieces: in every stretch of changes first all that is gone, then all that is added.
function readable(script) {
  const pieces = [];
  let changes = { gone: "", added: "" }, same = "";
  const flush = () => {
    pieces.push(["same", same], ["gone", changes.gone], ["added", changes.added]);
    changes = { gone: "", added: "" };
    same = "";
  };
  for (const [kind, word] of script) {
    if (kind !== "same") changes[kind] += word;
    else {
      if (changes.gone || changes.added) flush();
      same += word;
    }
  }
  flush();
  return pieces.filter(([, text]) => text);
}

function editScript(a, b) {
  const keysA = a.map((word) => word.trim()), keysB = b.map((word) => word.trim());
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const ends = new Int32Array(2 * most + 3), traces = [];
  const middle = most + 1;
  for (let edits = 0; edits <= most; edits++) {
    for (let line = -edits; line <= edits; line += 2) {
      const down = line === -edits || (line !== edits && ends[middle + line - 1] < ends[middle + line + 1]);
      let x = down ? ends[middle + line + 1] : ends[middle + line - 1] + 1;
      while (x < a.length && x - line < b.length && keysA[x] === keysB[x - line]) x++;
      ends[middle + line] = x;
      if (x >= a.length && x - line >= b.length) return backwards(a, b, traces, edits);
    }
    traces.push(ends.slice(middle - edits - 1, middle + edits + 2));
  }
  return null;
}

// The script from its end: `traces` has, for every number of edits, how far each diagonal came.
function backwards(a, b, traces, edits) {
  const script = [];
  let x = a.length, y = b.length;
  for (let left = edits; left > 0; left--) {
    const at = (line) => traces[left - 1][line + left];
    const line = x - y;
    const down = line === -left || (line !== left && at(line - 1) < at(line + 1));
    const startX = at(down ? line + 1 : line - 1), startY = startX - (down ? line + 1 : line - 1);
    while (x > startX + (down ? 0 : 1) && y > startY + (down ? 1 : 0)) [x, y] = [x - 1, y - 1], script.push(["same", b[y]]);
    script.push(down ? ["added", b[--y]] : ["gone", a[--x]]);
  }
  while (x > 0 && y > 0) [x, y] = [x - 1, y - 1], script.push(["same", b[y]]);
  return script.reverse();
}
