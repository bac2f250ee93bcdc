"""The checks of the harness's own IFEval, for `ifeval_local.yaml`."""

from lm_eval.tasks.ifeval.utils import agg_inst_level_acc, process_results  # noqa: F401
