"""A figure of a user's own: how long the answers of every condition are."""

from manybaskets.presentation.figures.figure_style import BLUE, looks, new_figure, save_figure
from manybaskets.presentation.figures.registry import figure


@figure(
    kind="words",
    title="Words per answer",
    caption="Mean number of words in the answers of every condition, one bar per prompt set.",
    needs=("summary",),
)
def words(summary, stem, look):
    rows = summary.filter(measure="response_words")
    names = [f"{mix}, {prompt_set}" for mix, prompt_set in rows.select("mix", "prompt_set").rows()]
    with looks(look.settings):
        page = new_figure(look.settings.width, 0.6 + 0.3 * rows.height)
        axis = page.subplots()
        axis.barh(range(rows.height), rows["estimate"], color=BLUE)
        axis.set_yticks(range(rows.height), names)
        axis.set_xlabel("words")
        return save_figure(page, stem, look.settings)
