"""The command line: options in, exit codes out; everything heavy is imported when it is needed.

One module per group of commands; importing it here puts its commands on the application.
Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 130 interrupted (state saved).
"""

from outergrad.cli import data, experiment, look, plan, recipe, replay, use
from outergrad.cli.app import app, main, sort_panels

sort_panels()

__all__ = ["app", "data", "experiment", "look", "main", "plan", "recipe", "replay", "use"]
