"""How alike the answers of two sources to the same prompt are: ROUGE-1, ROUGE-L and METEOR.

Texts become numbers once, each distinct word is stemmed once, and two sources are scored on all
their prompts at a time: `numbered`, then `rouge` and `meteor`, then `pair_scores` for all pairs of
sources, and `pair_summary` for the tables.
"""
