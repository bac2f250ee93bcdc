"""A figure of a user's own: how long the answers of every condition are."""

from manybaskets.presentation.figures.figure_style import looks, new_figure, save
from manybaskets.presentation.figures.registry import figure


@figure(
    kind="words",
    title="Words per answer",
    caption="Mean number of words in the answers to the test prompts, one bar per condition.",
    needs=("summary",),
)
def words(summary, stem, look):
    rows = summary.filter(measure="response_words", prompt_set="test")
    with looks(look.settings):
        page = new_figure(look.settings.width, 0.6 + 0.3 * rows.height)
        axis = page.subplots()
        for place, (mix, mean) in enumerate(rows.select("mix", "estimate").iter_rows()):
            axis.barh(place, mean, color=look.conditions[mix][0])
        axis.set_yticks(range(rows.height), rows["mix"])
        axis.set_xlabel("words")
        return save(page, stem, look.settings)
