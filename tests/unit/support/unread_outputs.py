"""Prints the outputs of all planned jobs that neither a job nor the target reads.

Run in a project's folder, with config files as arguments.
"""

import contextlib
import io
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings import types

quiet = types.OutputSettings(quiet={types.Quietness.ALL}, dryrun=True)
with contextlib.redirect_stdout(io.StringIO()), SnakemakeApi(quiet) as api:
    flow = api.workflow(
        resource_settings=types.ResourceSettings(cores=1),
        config_settings=types.ConfigSettings(configfiles=[Path(file) for file in sys.argv[1:]]),
        snakefile=Path("Snakefile"),
    )
    flow.dag(types.DAGSettings()).printrulegraph()
    jobs = list(flow._workflow.dag.jobs)
read = {str(file) for job in jobs for file in job.input}
made = {str(file) for job in jobs for file in job.output}
print(f"{len(made)} outputs")
print(*sorted(made - read), sep="\n")
