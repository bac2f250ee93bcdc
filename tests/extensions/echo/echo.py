"""An experiment of a user's own: which share of a question's words its answer repeats."""

from pathlib import Path

from pydantic import Field

from manybaskets.config.sections import Section
from manybaskets.experiments import Experiment, JobProfile, Work, register
from manybaskets.presentation.figures.figure_style import looks, new_figure, save_figure
from manybaskets.presentation.figures.registry import figure
from manybaskets.presentation.page import ReportSection
from manybaskets.presentation.tables import as_it_is, table


class Echo(Section):
    """How much of their questions the sources' answers repeat."""

    shortest: int = Field(4, ge=1, description="Letters of the shortest word that counts.")


class EchoExperiment(Experiment):
    name = "echo"  # of its config key, of its target, and of its section in the report
    section = Echo
    description = "How much of their questions the sources' answers repeat; null to skip."
    rules = Path(__file__).with_name("echo.smk")

    def check(self, study):
        if not study.analysed_sources():
            raise ValueError("echo: no source is described; set `source_analysis`")

    def statistics(self, study):
        return ["echo"]

    def job_profiles(self, study):
        def answers_read(wildcards, rows):
            return Work(rows.train and rows.train * len(study.analysed_sources()))

        return {"echo_count": JobProfile(work=answers_read, seconds=(2.0, 1e-5, 0.0))}

    def report_section(self, study, frames, tables, inputs):
        most = max(frames["echo"].rows(named=True), key=lambda row: row["repeated"])
        return ReportSection("Echo", [f"`{most['source']}` repeats most: {most['repeated']:.0%}."])


register(EchoExperiment())

SHOWN = {
    "title": "Repeated words",
    "caption": "Mean share of a question's words that recur in its answer, by source.",
    "needs": ("echo",),
    "section": "echo",
    "when": lambda study: study.echo is not None,
}

table(name="echo", **SHOWN)(as_it_is)


@figure(kind="echo", **SHOWN)
def echo_figure(echo, stem, look):
    with looks(look.settings):
        page = new_figure(look.settings.width, 0.6 + 0.3 * echo.height)
        axis = page.subplots()
        axis.barh(echo["source"].to_list(), echo["repeated"].to_list())
        axis.set_xlabel("share of the question's words")
        return save_figure(page, stem, look.settings)
