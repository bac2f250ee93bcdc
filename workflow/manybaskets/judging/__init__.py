"""Judging: scores for responses from models, classifiers, rules and humans, on rubrics in files.

`rubrics` reads a rubric and writes the question to a judge, `parsing` reads the answer, `factory`
opens a judge of any kind, `judge_rows` judges a table, `canaries` tests a judge on answers with
known scores, `agreement` compares judges, and `workload` estimates questions and tokens.
"""

# They register themselves.
from manybaskets.judging import refusal_rules, world_rules  # noqa: F401
