"""Makes `toy_problem` importable here and in the workers that engines start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
