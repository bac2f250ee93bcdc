"""Similarity of two sources' answers to the same prompt: ROUGE-1, ROUGE-L and METEOR.

Texts are converted to numbers once, each distinct word is stemmed once, and two sources are scored
on all their prompts at once: `numbered`, then `rouge` and `meteor`, then `pair_scores` for all
pairs of sources, and `pair_summary` for the tables.
"""
