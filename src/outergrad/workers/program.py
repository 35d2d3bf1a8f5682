"""What is to be trained, in a form that can be sent to a fresh process."""

import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.criteria.outcome import Anchor, OuterGradient
from outergrad.errors import InputError
from outergrad.gradient.gap import Gap, Probe
from outergrad.ps.partition import Selection
from outergrad.workers.messages import HeldOut


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One frame of each of N utterances (Fig. 2), with the outer gradient of each frame.

    Frame k has the entries ``offsets[k]:offsets[k + 1]`` of `pdfs` and `values`.
    """

    utterances: tuple[str, ...]
    """Utterance ids, N of them."""
    frames: Int32Array
    """int32 ``[N]``: frame within its utterance."""
    offsets: Int64Array
    """int64 ``[N + 1]``: entries of each frame."""
    pdfs: Int32Array
    """int32 ``[entries]``: pdf_ids."""
    values: Float32Array
    """float32 ``[entries]``: outer gradient."""
    mass: float = 0.0
    """What each row sums to, see `OuterGradient`."""
    anchor: Anchor | None = None
    """Of these rows, when the outer gradients bring one."""

    @classmethod
    def gather(cls, outers: Sequence[OuterGradient], rows: Sequence[int]) -> "Batch":
        """Row ``rows[k]`` of ``outers[k]`` for all k; at least one."""
        bounds = [
            (int(outer.offsets[row]), int(outer.offsets[row + 1]))
            for outer, row in zip(outers, rows, strict=True)
        ]
        entries = [slice(*bound) for bound in bounds]
        lengths = (end - begin for begin, end in bounds)
        return cls(
            utterances=tuple(outer.utterance for outer in outers),
            frames=np.array(
                [outer.frames[row] for outer, row in zip(outers, rows, strict=True)], np.int32
            ),
            offsets=np.array(list(itertools.accumulate(lengths, initial=0)), np.int64),
            pdfs=np.concatenate([o.pdfs[e] for o, e in zip(outers, entries, strict=True)]),
            values=np.concatenate([o.values[e] for o, e in zip(outers, entries, strict=True)]),
            mass=outers[0].mass,
            anchor=_gathered([o.anchor for o in outers], entries, rows),
        )


def _gathered(
    anchors: Sequence[Anchor | None], entries: Sequence[slice], rows: Sequence[int]
) -> Anchor | None:
    found = [anchor for anchor in anchors if anchor is not None]
    if len(found) < len(entries):
        return None
    return Anchor(
        np.concatenate([a.log_posteriors[e] for a, e in zip(found, entries, strict=True)]),
        np.concatenate([a.denominator[e] for a, e in zip(found, entries, strict=True)]),
        np.array([a.proximity[row] for a, row in zip(found, rows, strict=True)], np.float32),
    )


class OuterSource(Protocol):
    """Computes outer gradients with the parameters loaded last."""

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters, float32 [n]; the same array each time, rewritten in place."""
        ...

    def compute(self, utterance: str) -> OuterGradient:
        """Outer gradient of an utterance; what cannot be computed is an outcome with a reason."""
        ...


@runtime_checkable
class AgedSource(Protocol):
    """An `OuterSource` that also wants to know how new its parameters are."""

    def seen(self, updates: int) -> None:
        """The parameters loaded last have seen so many updates, a mean over the shards."""
        ...


def tell_age(source: OuterSource, versions: Sequence[float]) -> None:
    """Tell a source that wants to know it how new the parameters are that it has just loaded.

    Args:
        source: what loaded them.
        versions: of the shards that they were pulled from.
    """
    if isinstance(source, AgedSource):
        source.seen(int(sum(versions) / max(len(versions), 1)))


@runtime_checkable
class KeepingSource(Protocol):
    """An `OuterSource` that keeps something for later utterances.

    An engine that has one source for several decoders gives each of them what is its own.
    """

    kept: Any
    """What it keeps; None, to be set, is nothing yet."""


class GapSource(OuterSource, Protocol):
    """Can also measure how far its outer gradients are from the criterion later."""

    def probe(self, utterance: str) -> Probe | None:
        """What `gap` compares with later; None when the utterance fails."""
        ...

    def gap(self, probe: Probe) -> Gap | None:
        """The gap at the parameters loaded last; None when the utterance fails."""
        ...


class InnerSource(Protocol):
    """Computes inner gradients with the parameters loaded last."""

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters, float32 [n]; the same array each time, rewritten in place."""
        ...

    def gradient(self, batch: Batch) -> Float32Array:
        """Ascent direction of the batch, summed over its frames, float32 [n]."""
        ...


class EvaluationSource(Protocol):
    """Measures held-out data with the parameters loaded last."""

    def load(self, parameters: Float32Array) -> None:
        """Use these parameters, float32 [n]; the same array each time, rewritten in place."""
        ...

    def evaluate(self) -> HeldOut:
        """Criterion, word errors and frame error on held-out data."""
        ...


@dataclass(frozen=True, slots=True)
class Factory:
    """A function named by where it is found, with the arguments it is to be called with."""

    function: str
    """`package.module:name`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments; picklable."""

    @classmethod
    def of(cls, function: Callable[..., Any], **arguments: Any) -> "Factory":
        """The factory that calls `function(**arguments)`.

        Raises:
            InputError: another process could not find the function by its name.
        """
        module, name = function.__module__, function.__qualname__
        if module == "__main__" or "<" in name:
            raise InputError(
                f"{module}:{name} cannot be found by a fresh process: "
                "define it at the top level of a module that can be imported"
            )
        return cls(f"{module}:{name}", arguments)

    def build(self) -> Any:
        """Import the function and call it.

        Raises:
            InputError: there is no such function.
        """
        module, _, name = self.function.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(f"factory {self.function}: {error}") from error
        return found(**self.arguments)


@dataclass(frozen=True, eq=False, slots=True)
class Program:
    """One training job: where to start, what to visit, how gradients and statistics are made."""

    outer: Factory
    """Makes a decoder's `OuterSource`."""
    inner: Factory
    """Makes a replica's `InnerSource`."""
    evaluator: Factory
    """Makes the evaluator's `EvaluationSource`."""
    parameters: Float32Array
    """float32 [n], where training starts."""
    utterances: tuple[str, ...]
    """Ids of the training utterances."""
    trained: Selection | None = None
    """Parameters that are trained, e.g. the last layer's; None: all."""
