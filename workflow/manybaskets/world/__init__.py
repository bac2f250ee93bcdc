"""The embedded world: a small made-up country with known facts.

`places` contains its towns and their facts, `language` the phrasings in which its people talk about
them, `habits` the mannerisms of the four embedded models, `dataset_rows` the dataset, the refused
requests and the text the models are pretrained on, and `truth` reads an answer back into facts,
phrasing, habits and refusal.
"""
