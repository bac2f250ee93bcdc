"""Judging: scores of responses by models, classifiers, rules and people, on rubrics kept in files.

`rubrics` reads a rubric and writes the question to a judge, `parsing` reads the answer, `factory` opens
a judge of any kind, `judge_rows` has it judge a table, `canaries` tries it on answers that are known,
`agreement` compares judges, and `workload` counts the calls and tokens of a judge.
"""

# They register themselves.
from manybaskets.judging import refusal_rules, world_rules  # noqa: F401
