"""Real kills in real training: `python tests/faults/kill_run.py RUN_DIRECTORY` (minutes to hours).

Trains from the CE model of a run directory (`outergrad train --criterion ce`) with engine
`local`: with three seeds undisturbed, and once while workers of all roles get SIGKILL or
SIGSTOP. Not part of the tests: it needs a corpus and takes four trainings.

Promised: the disturbed run ends, its visits add up, and its final held-out criterion lies within
the spread of the undisturbed ones. Prints one JSON line per training and one verdict.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from kills import Killer

from outergrad.config import build, read_toml
from outergrad.criteria.config import Kind
from outergrad.engine.events import Notice
from outergrad.engine.training import train
from outergrad.recipes.sequence import sequence_program
from outergrad.recipes.settings import RunConfig

KILLS = 20


def train_once(directory, config, seed, killer=None):
    """One training; what it came to, as a JSON-able table."""
    settings = dataclasses.replace(config.sequence.training, seed=seed)
    with tempfile.TemporaryDirectory() as snapshots:

        def listen(event):
            if isinstance(event, Notice):
                print(event.text.splitlines()[0], file=sys.stderr, flush=True)

        result = train(
            sequence_program(directory, config, Kind.MMI),
            settings,
            "local",
            listen,
            snapshots=Path(snapshots),
        )
    counts = result.visits
    table = {
        "seed": seed,
        "kills": [] if killer is None else killer.done,
        "restarts": result.restarts,
        "start": result.evaluations[0].held_out.criterion,
        "final": result.evaluations[-1].held_out.criterion,
        "best": result.best.held_out.criterion,
        "wer": [evaluation.held_out.wer for evaluation in result.evaluations],
        "updates": result.updates,
        "seconds": result.seconds,
        "visits": dataclasses.asdict(counts),
        "adds_up": counts.handed == counts.completed + counts.failed + counts.lost,
    }
    print(json.dumps(table), flush=True)
    return table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--mean-seconds", type=float, default=8.0)
    parser.add_argument("--silent-seconds", type=float, default=30.0)
    parser.add_argument("--set-seed", type=int, default=1)
    options = parser.parse_args()
    directory = options.directory.resolve()
    config = build(RunConfig, read_toml(directory / "config.toml"))
    training = dataclasses.replace(
        config.sequence.training,
        replicas=options.replicas,
        silent_seconds=options.silent_seconds,
        backup_seconds=20.0,
        max_restarts=options.kills,
        schedule=dataclasses.replace(config.sequence.training.schedule, epochs=options.epochs),
    )
    sequence = dataclasses.replace(config.sequence, training=training)
    config = dataclasses.replace(config, sequence=sequence)
    with Killer(options.kills, options.mean_seconds, options.set_seed) as killer:
        disturbed = train_once(directory, config, options.set_seed, killer)
    undisturbed = [train_once(directory, config, options.set_seed + k) for k in range(3)]
    finals = [table["final"] for table in undisturbed]
    spread = max(finals) - min(finals)
    verdict = {
        "kills": len(disturbed["kills"]),
        "roles": sorted({role for role, _, _ in disturbed["kills"]}),
        "disturbed": disturbed["final"],
        "undisturbed": [min(finals), max(finals)],
        "within": min(finals) <= disturbed["final"] <= max(finals),
        "outside_by": max(min(finals) - disturbed["final"], disturbed["final"] - max(finals), 0.0),
        "spread": spread,
        "adds_up": disturbed["adds_up"],
    }
    print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    main()
