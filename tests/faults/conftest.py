"""Makes `toy_problem` and `sabotage` importable here and in the workers that engines start."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "engines")]
