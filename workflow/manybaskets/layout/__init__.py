"""Where the files of a study are: one class of paths for each stage, for rules, plan, status and tests.

`Files(study)` has them all. Nothing here reads or writes a file.
"""

from manybaskets.layout.files import Files
from manybaskets.layout.given import check_given
from manybaskets.layout.loads import TargetLoad
from manybaskets.layout.patterns import WILDCARDS, read_path
from manybaskets.layout.stage import StageFiles

__all__ = ["WILDCARDS", "Files", "StageFiles", "TargetLoad", "check_given", "read_path"]
