"""Cells: the units that experiments are made of, one configuration with one seed each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from outergrad.config import build, digest, merge, to_table
from outergrad.engine.simulated.config import SimulatedConfig
from outergrad.errors import RunError
from outergrad.evaluation.wer import WordErrors, total_errors
from outergrad.recipes.calibration import Calibration
from outergrad.recipes.plan import REFERENCE
from outergrad.recipes.settings import RunConfig

Errors = Mapping[str, WordErrors]
"""Utterance id → errors; frames count as words where frame errors are meant."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of one configuration with one seed."""

    label: str
    """What figures call it."""
    seed: int
    """Of every random draw."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Dotted key → value, on top of the run's settings."""
    stage: Literal["ce", "sequence"] = "sequence"
    """ce: frame training from scratch. sequence: sequence training from the seed's CE model."""
    test: bool = False
    """Whether the test set is recognized with the CE model and with what was trained."""
    frames: bool = False
    """Whether frame errors are counted by utterance."""

    def config(self, base: RunConfig) -> RunConfig:
        """The resolved settings; of several criteria the first is trained."""
        table = merge(to_table(base), nested({**self.settings, "seed": self.seed}))
        criteria = [] if self.stage == "ce" else list(table["criteria"])[:1]
        return build(RunConfig, {**table, "criteria": criteria}, "experiment")

    def takes_one_core(self, base: RunConfig) -> bool:
        """Whether it is one process with one thread, and nothing in it depends on its speed."""
        config = self.config(base)
        if self.stage == "ce":
            return config.ce.threads <= 1
        return config.engine == "simulated" and config.sequence.device == "cpu"

    def digest(self, base: RunConfig) -> str:
        """Names the configuration."""
        return digest(self.config(base), self.stage)


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as tables in tables."""
    table: dict[str, Any] = {}
    for key, value in settings.items():
        *path, last = key.split(".")
        node = table
        for name in path:
            node = node.setdefault(name, {})
        node[last] = value
    return table


@dataclass(frozen=True, slots=True)
class CellResult:
    """What a cell has left."""

    cell: Cell
    digest: str
    """Of its configuration."""
    failed: str | None = None
    """Why there is no result; None: there is one."""
    epochs: Sequence[Mapping[str, Any]] = ()
    """Records of frame training, one an epoch."""
    evaluations: Sequence[Mapping[str, Any]] = ()
    """Records of sequence training on held-out data; the first one is the start."""
    passes: Sequence[Mapping[str, float]] = ()
    """Criterion of the training speech (``training``) over time; see `passes.passes`."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """What the training stage says about itself."""
    errors: Mapping[tuple[str, str], Errors] = field(default_factory=dict)
    """(system, LM) → word errors of the test set."""
    frame_errors: Mapping[str, Errors] = field(default_factory=dict)
    """System → frame errors of the held-out set."""

    @property
    def usable(self) -> bool:
        """Whether it came to an end."""
        return self.failed is None

    def wer(self, system: str, lm: str) -> float:
        """Word error of the test set, %."""
        return total_errors(self.errors[system, lm].values()).rate

    def curve(self, name: str) -> tuple[list[float], list[float]]:
        """Times in seconds and values of a quantity of the evaluations, where it is a number;
        ``training``: of `passes`."""
        points = (*self.evaluations, *self.passes)
        known = [(point["time"], point[name]) for point in points if point.get(name) is not None]
        return [time for time, _ in known], [value for _, value in known]

    def best(self, name: str = "criterion") -> float:
        """The largest value of a quantity; nan without any."""
        return max(self.curve(name)[1], default=float("nan"))

    @property
    def gain(self) -> float:
        """By how much the criterion rose at most; nan without evaluations."""
        values = self.curve("criterion")[1]
        return max(values) - values[0] if values else float("nan")

    @property
    def epoch_seconds(self) -> float:
        """Of the engine's clock, mean; nan when no epoch is known to have passed."""
        last = self.evaluations[-1] if self.evaluations else {"epoch": 0.0}
        return float(last["time"] / last["epoch"]) if last["epoch"] else float("nan")


class Bench(Protocol):
    """Where cells are run; `RunBench` is the one for speech."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the experiment."""

    @property
    def quick(self) -> bool:
        """Whether everything is to be made smaller."""

    @property
    def config(self) -> RunConfig:
        """Settings that all cells start from."""

    def run(self, cells: Sequence[Cell]) -> list[CellResult]:
        """Run what is not done yet; results in the order of the cells."""

    def costs(self) -> SimulatedConfig:
        """What work costs in virtual time."""

    def calibration(self) -> Calibration:
        """What work costs on one core."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A bench that runs nothing, for estimates before anything was measured."""

    config: RunConfig
    """Settings that all cells start from."""
    seeds: tuple[int, ...]
    """Seeds of the experiments."""
    quick: bool
    """Whether they are to be smaller."""

    def run(self, cells: Sequence[Cell]) -> list[CellResult]:
        """Nobody may ask for results."""
        raise RunError("a plan has no results: please report this")

    def costs(self) -> SimulatedConfig:
        """Free; how long a training takes does not depend on them."""
        return SimulatedConfig()

    def calibration(self) -> Calibration:
        """Those of a machine of 2026."""
        return REFERENCE
