"""A bench whose cells train the toy problem of the engines in place of speech."""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from outergrad.engine.engines import make_engine
from outergrad.engine.simulated.config import Cost, SimulatedConfig
from outergrad.engine.training import train
from outergrad.evaluation.wer import WordErrors
from outergrad.experiments.cell import CellResult
from outergrad.experiments.passes import passes
from outergrad.ps.partition import Selection, Span
from outergrad.recipes.plan import REFERENCE
from outergrad.recipes.sequence import summary_of
from outergrad.recipes.settings import RunConfig
from outergrad.records import RecordWriter, read_records
from outergrad.workers.config import AsyncConfig, ScheduleConfig

ENGINES = Path(__file__).parent.parent / "engines"
sys.path[:0] = [str(ENGINES), str(Path(__file__).parent)]
SPOKEN = tuple(f"spoken-{k}" for k in range(60))
"""Enough for fifty replicas."""
UTTERANCES = tuple(f"test-{k}" for k in range(40))


def word_errors(rate, salt):
    """Made-up errors: about `rate` of ten words in each of 40 utterances."""
    return {
        u: WordErrors(min(10, round(10 * rate) + (k + salt) % 2), 0, 0, 10)
        for k, u in enumerate(UTTERANCES)
    }


@dataclass
class ToyBench:
    folder: Path
    seeds: tuple = (1, 2)
    quick: bool = False
    ran: list = field(default_factory=list)
    failing: str = ""

    @property
    def config(self):
        training = AsyncConfig(
            slots=8, queue=2, schedule=ScheduleConfig(rate=0.02, epochs=4, patience=1000)
        )
        whole = RunConfig()
        return replace(whole, sequence=replace(whole.sequence, training=training))

    def costs(self):
        return SimulatedConfig(decode=Cost(frame=0.01), step=Cost(fixed=0.002))

    def calibration(self):
        return replace(REFERENCE, utterance_seconds=1.0)

    def run(self, cells):
        return [self.one(cell) for cell in cells]

    def one(self, cell):
        config = cell.config(self.config)
        name = cell.digest(self.config)
        self.ran.append(cell)
        if self.failing and self.failing in cell.label:
            return CellResult(cell, name, failed="training diverged again")
        if cell.stage == "ce":
            return self.frames(cell, config, name)
        import toy_problem as toy

        last = config.sequence.layers == "last"
        program = toy.program(
            utterances=SPOKEN, trained=Selection.of(Span(0, 12)) if last else None
        )
        records = self.folder / f"{name}.jsonl"
        records.unlink(missing_ok=True)
        schedule = replace(config.sequence.training.schedule, evaluate_every=5, patience=1000)
        # The toy's twenty parameters are too few for the shards of a cluster.
        training = replace(config.sequence.training, schedule=schedule, seed=cell.seed, shards=4)
        gap = replace(training.gap, every=0)
        # Everything in virtual time: processes would take seconds to start.
        engine = make_engine("simulated", config.simulated)
        with RecordWriter(records, "mmi") as writer:
            result = train(program, replace(training, gap=gap), engine, records=writer)
        salt = cell.seed
        system = str(config.criteria[0])
        return CellResult(
            cell,
            name,
            evaluations=tuple(read_records(records, "evaluation")),
            passes=passes(read_records(records, "outer")),
            summary=summary_of(result),
            errors={
                (name, lm): word_errors(rate, salt)
                for name, rate in (("ce", 0.3), (system, 0.2))
                for lm in ("unigram", "trigram")
            },
            frame_errors={"ce": word_errors(0.3, salt), system: word_errors(0.4, salt)},
        )

    def frames(self, cell, config, name):
        slow = {"none": 3, "on-the-fly": 1, "full": 1}[config.ce.shuffling]
        epochs = [
            {"epoch": k, "heldout_ce": 1.0 + slow / k, "time": float(k)} for k in range(1, 11)
        ]
        rate = {"none": 0.5, "on-the-fly": 0.3, "full": 0.3}[config.ce.shuffling]
        return CellResult(
            cell,
            name,
            epochs=epochs,
            errors={("ce", lm): word_errors(rate, cell.seed) for lm in ("unigram", "trigram")},
        )


@pytest.fixture
def toy_bench(tmp_path):
    return ToyBench(tmp_path)
