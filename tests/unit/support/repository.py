"""Where this checkout is, and what tests read of it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "workflow"
SUPPORT = ROOT / "tests/unit/support"
SHARED_DATA = ROOT.parent / "shared/data"
