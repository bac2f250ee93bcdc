"""An experiment of a user's own: which share of its question's words an answer repeats."""

from pathlib import Path

from pydantic import Field

from manybaskets.config.sections import Section
from manybaskets.experiments import Experiment, ExperimentReport, JobProfile, Work, register
from manybaskets.presentation.figures.figure_style import looks, new_figure, save_figure
from manybaskets.presentation.figures.registry import figure
from manybaskets.presentation.tables import table


class Echo(Section):
    """How much of their question the sources' answers repeat."""

    shortest: int = Field(4, ge=1, description="Letters of the shortest word that counts.")


class EchoExperiment(Experiment):
    """The name is that of the config key, of the target on the command line and of the section."""

    name = "echo"
    section = Echo
    description = "How much of their question the sources' answers repeat; null to skip."
    rules = Path(__file__).with_suffix(".smk")

    def check(self, study):
        if not study.described_sources():
            raise ValueError("echo: no source is described; set `source_analysis`")

    def statistics(self, study):
        return ["echo"]

    def job_profiles(self, study):
        def answers_read(wildcards, rows):
            return Work(rows.train and rows.train * len(study.described_sources()))

        return {"echo": JobProfile(work=answers_read, seconds=(2.0, 1e-5, 0.0))}

    def report_section(self, study, frames, inputs):
        first = frames["echo"].sort("repeated", descending=True).row(0, named=True)
        share = f"{first['repeated']:.0%} of the words of its questions"
        return ExperimentReport("Echo", [f"`{first['source']}` repeats most: {share}."])


def has_echo(study):
    return study.echo is not None


@table(
    name="echo",
    title="Repeated words",
    caption="Mean share of a question's words that recur in its answer.",
    needs=("echo",),
    section="echo",
    when=has_echo,
)
def echo_table(echo, context):
    return echo


@figure(
    kind="echo",
    title="Repeated words",
    caption="Mean share of a question's words that recur in its answer, by source.",
    needs=("echo",),
    section="echo",
    when=has_echo,
)
def echo_figure(echo, stem, look):
    with looks(look.settings):
        page = new_figure(look.settings.width, 0.6 + 0.3 * echo.height)
        axis = page.subplots()
        axis.barh(echo["source"].to_list(), echo["repeated"].to_list())
        axis.set_xlabel("share of the question's words")
        return save_figure(page, stem, look.settings)


register(EchoExperiment())
