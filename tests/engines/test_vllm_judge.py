"""vLLM holds a judge to its form: even a model that knows nothing writes the object that is wanted."""

from __future__ import annotations

import json

RUBRIC = (
    "{name: short, version: 1, about: a, direction: none, system: '', "
    "scale: [{score: 1, text: bad}, {score: 2, text: good}], "
    "prompt: '{request} {response} {scale}', forms: {json: JSON.}, reminder: Again., "
    "canaries: [{request: a, response: b, low: 1, high: 2}]}"
)


def test_every_answer_follows_the_schema_as_far_as_it_goes(models, run_vllm, tmp_path):
    rubric, results = tmp_path / "short.yaml", tmp_path / "results.json"
    rubric.write_text(RUBRIC)
    run_vllm("judge_with.py", models["llama"], rubric, tmp_path / "work", results)
    found = json.loads(results.read_text())
    assert len(found["rows"]) == len(found["said"]) == 12
    for text in found["said"]:
        start = "".join(text.split())[: len('{"reason":"')]
        assert '{"reason":"'.startswith(start)
    # An answer may run into its limit within the reason; it is never of another form.
    assert {row["cause"] for row in found["rows"]} <= {None, "truncated"}
    assert {row["score"] for row in found["rows"]} <= {None, 1, 2}
