"""Self-preference: whom a judge prefers among summaries of the same articles.

`articles` reads what is summarised, `summaries` has authors and judged runs write, `corruption` plants
a quality gap, `items` lays out what a judge is asked, `readout` reads its answer off the logits of one
forward pass, and `records` names the columns that the readings have.
"""
