"""A measure of a user's own: the share of answers with an exclamation mark."""

from manybaskets.measures.registry import measure


@measure(label="Answers with an exclamation mark", unit="share", direction="none", level="prompt")
def exclamations(inputs):
    """Whether an answer contains an exclamation mark: 1 or 0, so that the mean is a share."""
    return [float("!" in text) for text in inputs.texts]
