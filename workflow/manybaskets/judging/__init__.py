"""Judging: scores of responses by models, classifiers, rules and people, on rubrics kept in files.

`rubrics` reads a rubric and writes the question to a judge, `parsing` reads the answer, `judges` opens
a judge of any kind, `rows` has it judge a table, `canaries` tries it on answers that are known,
`agreement` compares judges, `families` knows who is related to whom, `calls` counts what it will take.
"""

# They register themselves.
from manybaskets.judging import refusal_rules, world_rules  # noqa: F401
