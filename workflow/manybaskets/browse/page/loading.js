// Files of data/: classic scripts, since a page from a disk can load nothing else. They hand over text only.
const policy = window.trustedTypes
  ? trustedTypes.createPolicy("many-baskets", {
      createScriptURL(name) {
        if (!/^data\/[0-9a-z/-]+\.js$/.test(name)) throw new TypeError(`no file of this page: ${name}`);
        return name;
      },
    })
  : { createScriptURL: (name) => name };
const waiting = new Map();

window.manyBaskets = (name, letters) => {
  const waits = waiting.get(name);
  waiting.delete(name);
  if (waits) waits(letters);
};

function loadLetters(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const file = `data/${name}.js`;
    waiting.set(name, resolve);
    script.src = policy.createScriptURL(file);
    script.onload = () => script.remove();
    script.onerror = () => {
      script.remove();
      waiting.delete(name);
      reject(new Error(`The file ${file} cannot be read. Copy the whole folder of this page, not the page alone.`));
    };
    document.head.append(script);
  });
}

async function loadBytes(name) {
  const letters = await loadLetters(name);
  const packed = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
  const opened = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(opened).arrayBuffer());
}

async function loadValue(name) {
  return JSON.parse(new TextDecoder().decode(await loadBytes(name)));
}

// Numbers whose first bytes come first, then all second bytes, and so on.
async function loadNumbers(name) {
  const bytes = await loadBytes(name);
  const count = bytes.length / 4;
  const ordered = new Uint8Array(bytes.length);
  for (let place = 0; place < 4; place++) {
    const from = place * count;
    for (let number = 0; number < count; number++) ordered[number * 4 + place] = bytes[from + number];
  }
  return new Float32Array(ordered.buffer);
}

// The latest results of an asynchronous function of a name.
function kept(most, load) {
  const known = new Map();
  return (name) => {
    const found = known.get(name) ?? load(name);
    known.delete(name);
    known.set(name, found);
    found.catch(() => known.delete(name));
    if (known.size > most) known.delete(known.keys().next().value);
    return found;
  };
}

const texts = kept(12, loadValue);
const numbers = kept(8, loadNumbers);
const indexes = kept(64, loadValue);
