"""Makes `toy_problem` importable here and, because engines hand on the path, in workers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
