"""Learning rate, stop rules and the choice of parameters, decided by held-out data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from outergrad.errors import DivergedError, RunError
from outergrad.workers.config import ScheduleConfig
from outergrad.workers.messages import HeldOut


class Verdict(Enum):
    """What an evaluation means for the run."""

    GO_ON = "go on"
    DECAYED = "the criterion is flat: the learning rate decays"
    STOP = "the criterion is flat at the smallest learning rate"
    DIVERGED = "the criterion fell far below its start"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A schedule's answer to an evaluation."""

    verdict: Verdict
    """What happens next."""
    best: bool
    """Whether these are the best parameters so far."""
    warnings: tuple[str, ...] = ()
    """What a person should know."""


class Schedule:
    """Rate ÷ 10 on plateau, best parameters, divergence, growth of deletions."""

    def __init__(self, config: ScheduleConfig) -> None:
        self._config = config
        self.rate = config.rate
        self._start: HeldOut | None = None
        self._best = -math.inf
        self._chosen = (-math.inf, -math.inf)
        self._fewest = 0
        self._references = (-math.inf, -math.inf)
        self._flat = 0
        self._decays = 0
        self._retried = False
        self._warned = False

    @property
    def best(self) -> float:
        """Largest criterion per frame so far; -inf before the first evaluation."""
        return self._best

    def observe(self, held_out: HeldOut) -> Judgement:
        """Judge an evaluation; the first one is the start that others are compared with.

        Raises:
            RunError: the criterion is not a number before any update was made.
        """
        criterion = held_out.criterion
        if self._start is None:
            if not math.isfinite(criterion):
                raise RunError(
                    f"the held-out criterion is {criterion} before the first update: "
                    "check the model and the held-out utterances"
                )
            self._start = held_out
            self._best = criterion
            self._chosen = self._references = self._merit(held_out)
            self._fewest = held_out.errors
            return Judgement(Verdict.GO_ON, best=True)
        start = self._start.criterion
        floor = start - self._config.divergence * abs(start)
        if not math.isfinite(criterion) or criterion < floor:
            return Judgement(Verdict.DIVERGED, best=False)
        best = self._is_best(held_out)
        if best:
            self._chosen = self._merit(held_out)
        self._best = max(self._best, criterion)
        verdict = self._plateau(self._merit(held_out))
        return Judgement(verdict, best, self._warn(held_out, self._start))

    @staticmethod
    def _merit(held_out: HeldOut) -> tuple[float, float]:
        """Minus word errors, and the criterion: larger is better."""
        return -float(held_out.errors), held_out.criterion

    def _is_best(self, held_out: HeldOut) -> bool:
        """Whether these parameters are to be kept instead of those chosen so far.

        By word errors: the fewest, and those within one standard error of them (√n for n errors)
        count as equal; among equals the criterion decides. Source: the one-standard-error rule of
        Breiman et al., Classification and regression trees (1984).
        """
        before, criterion = self._chosen
        if self._config.select == "last":
            return True
        if self._config.select == "criterion":
            return held_out.criterion > criterion
        self._fewest = min(self._fewest, held_out.errors)
        limit = self._fewest + math.sqrt(self._fewest)
        if held_out.errors > limit:
            return False
        return -before > limit or held_out.criterion > criterion

    def _plateau(self, merit: tuple[float, float]) -> Verdict:
        """Flat is what improves neither the criterion nor word errors: either may get worse for a
        while for the other's sake."""
        pairs = list(zip(merit, self._references, strict=True))
        least = self._config.min_improvement
        improved = [now > before + least * abs(before) for now, before in pairs]
        if any(improved):
            self._references = _pair(
                [
                    now if better else before
                    for better, (now, before) in zip(improved, pairs, strict=True)
                ]
            )
            self._flat = 0
            return Verdict.GO_ON
        self._flat += 1
        if self._flat < self._config.patience:
            return Verdict.GO_ON
        self._flat = 0
        if self._decays >= self._config.max_decays:
            return Verdict.STOP
        self._decays += 1
        self.rate *= self._config.decay
        return Verdict.DECAYED

    def _warn(self, held_out: HeldOut, start: HeldOut) -> tuple[str, ...]:
        limit = self._config.deletion_growth * start.deletions + 0.01 * start.words
        if self._warned or held_out.deletions <= limit:
            return ()
        self._warned = True
        return (
            f"deletions grew from {start.deletions} to {held_out.deletions} of {held_out.words} "
            "held-out words: the language model weight or frame rejection may not suit this data",
        )

    def lower(self, factor: float) -> None:
        """Multiply the learning rate: the outer gradients are too old for it."""
        self.rate *= factor

    def retry(self) -> None:
        """The best parameters were restored after a divergence: lower the rate, once.

        Raises:
            DivergedError: the run had diverged before.
        """
        if self._retried:
            raise DivergedError(
                "training diverged again after the learning rate was lowered to "
                f"{self.rate:g}: start with a smaller rate, more slots or fewer replicas"
            )
        self._retried = True
        self._flat = 0
        self._decays += 1
        self.rate *= self._config.decay

    def state(self) -> dict[str, Any]:
        """JSON-able state."""
        start = self._start
        return {
            "rate": self.rate,
            "start": None
            if start is None
            else {
                "criterion": start.criterion,
                "substitutions": start.substitutions,
                "insertions": start.insertions,
                "deletions": start.deletions,
                "words": start.words,
            },
            "best": None if start is None else self._best,
            "chosen": None if start is None else list(self._chosen),
            "fewest": self._fewest,
            "references": None if start is None else list(self._references),
            "flat": self._flat,
            "decays": self._decays,
            "retried": self._retried,
            "warned": self._warned,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.rate = state["rate"]
        if state["start"] is not None:
            self._start = HeldOut(**state["start"])
            self._best = state["best"]
            self._chosen = _pair(state["chosen"])
            self._fewest = state["fewest"]
            self._references = _pair(state["references"])
        self._flat, self._decays = state["flat"], state["decays"]
        self._retried, self._warned = state["retried"], state["warned"]


def _pair(values: Sequence[float]) -> tuple[float, float]:
    first, second = values
    return first, second
