"""Sequence criteria as `torch.nn.Module`s, with lattices made on the fly inside."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch

from outergrad.arrays import Float32Array
from outergrad.criteria.config import Kind
from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError, RunError
from outergrad.gradient.outer import NumeratorGraphs, OuterConfig, outer_gradient
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.losses.run import open_run

Transcript = str | Sequence[str]
"""Words, or a string of words with spaces between them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An utterance that no loss could be computed for."""

    index: int
    """Its place in the batch."""
    utterance: str
    """Its id, or its place as a string."""
    reason: str
    """Short code, as in the records of a run, e.g. ``numerator-no-graph``."""


class SequenceLoss(torch.nn.Module):
    """A criterion, negated and divided by frames; use one of its subclasses.

    ``loss(logits, lengths, transcripts)`` aligns and decodes each utterance with the log posteriors
    of these logits, in a pool of threads and on the CPU wherever the logits are, and returns

        - sum_u F_u / sum_u T_u

    over the utterances that could be searched. Its gradient is exact for the lattices as they were
    pruned, and leaves out cancelled and rejected frames; set both thresholds to 0 to keep them all.
    After each call `failures` lists what could not be searched, whose logits get a zero gradient
    even where they are not finite, and `counts` and `value` say what became of the others.

    Attributes:
        failures: of the last call, in the order of the batch.
        counts: frames of the last call.
        value: criterion per frame of the last call, nan when everything failed.
    """

    kind: ClassVar[Kind]
    """The criterion."""
    log_priors: torch.Tensor

    def __init__(
        self,
        graph: DecodingGraph,
        references: NumeratorGraphs,
        log_priors: Float32Array | torch.Tensor | None = None,
        classes: PhoneClasses | None = None,
        config: OuterConfig | None = None,
        threads: int = 2,
    ) -> None:
        """Bring together what all utterances share.

        Args:
            graph: decoding graph of the weak language model: the denominator.
            references: makes the graph of a transcript, with the word costs of `graph`
                (`outergrad.graph.utterance.UtteranceGraphs`).
            log_priors: float32 ``[pdfs]``, log p(s), subtracted from log posteriors; none: flat.
            classes: phones of the transitions; only MMI does without.
            config: beams, acoustic scale, sums, thresholds.
            threads: utterances searched at a time.

        Raises:
            InputError: parts that do not fit each other.
        """
        super().__init__()
        if self.kind is not Kind.MMI and classes is None:
            raise InputError(
                f"{type(self).__name__}: needs to know which phones the transitions belong to"
            )
        if threads < 1:
            raise InputError(f"{type(self).__name__}: threads is {threads}, must be at least 1")
        priors = torch.zeros(graph.num_pdfs) if log_priors is None else torch.tensor(log_priors)
        if priors.shape != (graph.num_pdfs,):
            raise InputError(
                f"{type(self).__name__}: log priors {list(priors.shape)} do not fit the "
                f"decoding graph's {graph.num_pdfs} pdfs"
            )
        self.register_buffer("log_priors", priors.float(), persistent=False)
        self._graph = graph
        self._references = references
        self._classes = classes
        self._config = config or OuterConfig()
        self._threads = threads
        self._workspaces: list[Workspace] = []
        self.failures: tuple[Failure, ...] = ()
        self.counts = FrameCounts()
        self.value = float("nan")

    @classmethod
    def from_run(cls, run: str | Path, config: OuterConfig | None = None, threads: int = 2) -> Self:
        """The loss with graph, lexicon, tying, priors and settings of a run directory.

        Args:
            run: made by ``outergrad run``, at least through the stage ``ce``.
            config: beams and thresholds; those of the run if not given.
            threads: utterances searched at a time.

        Raises:
            InputError: no such run, or it has not come that far.
        """
        parts = open_run(Path(run))
        return cls(
            parts.graph,
            parts.references,
            parts.log_priors,
            parts.classes,
            config or parts.config,
            threads,
        )

    def forward(
        self,
        logits: torch.Tensor,
        lengths: torch.Tensor | Sequence[int],
        transcripts: Sequence[Transcript],
        ids: Sequence[str] | None = None,
    ) -> torch.Tensor:
        """The loss of a batch.

        Args:
            logits: ``[utterances, frames, pdfs]``, any float type and device; not normalised.
            lengths: frames of each utterance, the rest is padding and gets no gradient.
            transcripts: words of each utterance.
            ids: names for `failures`.

        Returns:
            A scalar of type float32 (float64 for float64 logits). When everything failed, it is
            zero with a zero gradient, so that processes that train together stay in step, and
            a warning is given.

        Raises:
            InputError: shapes that do not fit.
        """
        sizes = self._checked(logits, lengths, transcripts)
        names = [str(i) for i in range(len(sizes))] if ids is None else list(ids)
        with torch.autocast(logits.device.type, enabled=False):
            precise = logits if logits.dtype == torch.float64 else logits.float()
            # Whatever stands in the padding, nan included, neither counts nor gets a gradient.
            place = torch.arange(logits.shape[1], device=logits.device)
            ends = torch.tensor(sizes, device=logits.device)
            padding = place[None, :, None] >= ends[:, None, None]
            log_posteriors = torch.log_softmax(precise.masked_fill(padding, 0.0), dim=2)
        scores = (log_posteriors.detach() - self.log_priors).float().cpu().numpy()
        outcomes = self._search(scores, sizes, transcripts, names)
        failed = [outer.failed for outer in outcomes]
        if any(failed):
            # The softmax passes nan on even to a zero gradient (0 x nan), so that one utterance
            # with wrong logits would spoil all parameters: it is cut off before the softmax.
            out = torch.tensor(failed, device=logits.device)[:, None, None]
            with torch.autocast(logits.device.type, enabled=False):
                log_posteriors = torch.log_softmax(precise.masked_fill(padding | out, 0.0), dim=2)
        self.failures = tuple(
            Failure(index, outer.utterance, outer.reason)
            for index, outer in enumerate(outcomes)
            if outer.reason is not None
        )
        used = [(i, outer) for i, outer in enumerate(outcomes) if not outer.failed]
        self.counts = sum((outer.counts for _, outer in used), FrameCounts())
        frames = sum(outer.num_frames for _, outer in used)
        total = sum(outer.value for _, outer in used)
        self.value = total / frames if frames else float("nan")
        if not used:
            reasons = ", ".join(sorted({failure.reason for failure in self.failures}))
            warnings.warn(
                f"{type(self).__name__}: no utterance of the batch could be used ({reasons})",
                stacklevel=2,
            )
            return log_posteriors.sum() * 0.0
        scale = -self._config.decoder.acoustic_scale / frames
        places, weights = _entries(used, scale)
        loss = _Contact.apply(  # type: ignore[no-untyped-call]
            log_posteriors,
            torch.from_numpy(places).to(logits.device),
            torch.from_numpy(weights).to(log_posteriors),
            -total / frames,
        )
        return cast(torch.Tensor, loss)

    def _checked(
        self,
        logits: torch.Tensor,
        lengths: torch.Tensor | Sequence[int],
        transcripts: Sequence[Transcript],
    ) -> list[int]:
        sizes = [int(length) for length in lengths]
        name = type(self).__name__
        if logits.dim() != 3 or logits.shape[2] != self._graph.num_pdfs:
            raise InputError(
                f"{name}: logits must be [utterances, frames, {self._graph.num_pdfs} pdfs], "
                f"got {list(logits.shape)}"
            )
        if not len(sizes) == len(transcripts) == len(logits):
            raise InputError(
                f"{name}: {len(logits)} utterances, {len(sizes)} lengths and "
                f"{len(transcripts)} transcripts"
            )
        if any(not 0 <= size <= logits.shape[1] for size in sizes):
            raise InputError(f"{name}: lengths must be in 0 ... {logits.shape[1]}, got {sizes}")
        return sizes

    def _search(
        self,
        scores: Float32Array,
        sizes: Sequence[int],
        transcripts: Sequence[Transcript],
        names: Sequence[str],
    ) -> list[OuterGradient]:
        # Graphs are compiled here: the table of units that they share is not for several threads.
        graphs: list[DecodingGraph | None] = []
        for transcript in transcripts:
            words = transcript.split() if isinstance(transcript, str) else transcript
            try:
                graphs.append(self._references.compile(words))
            except InputError:
                graphs.append(None)

        def one(index: int) -> OuterGradient:
            graph, size = graphs[index], sizes[index]
            if graph is None:
                return OuterGradient.failure(names[index], size, "numerator-no-graph")
            try:
                workspace = self._workspaces.pop()
            except IndexError:
                workspace = Workspace()
            try:
                return outer_gradient(
                    scores[index, :size],
                    graph,
                    self._graph,
                    self._config,
                    utterance=names[index],
                    kind=self.kind,
                    classes=self._classes,
                    workspace=workspace,
                )
            finally:
                self._workspaces.append(workspace)

        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(one, range(len(sizes))))


def _entries(
    used: Sequence[tuple[int, OuterGradient]], scale: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """int64 ``[3, entries]`` utterance, frame and pdf; float64 ``[entries]`` derivative."""
    places, weights = [], []
    for index, outer in used:
        frames = np.repeat(outer.frames, np.diff(outer.offsets)).astype(np.int64)
        places.append(np.stack([np.full_like(frames, index), frames, outer.pdfs]))
        weights.append(scale * outer.values.astype(np.float64))
    return np.concatenate(places, axis=1), np.concatenate(weights)


class _Contact(torch.autograd.Function):
    """A value whose derivative in the log posteriors is given, entry by entry."""

    @staticmethod
    def forward(
        ctx: Any,
        log_posteriors: torch.Tensor,
        places: torch.Tensor,
        weights: torch.Tensor,
        value: float,
    ) -> torch.Tensor:
        """The value as a scalar tensor."""
        ctx.save_for_backward(places, weights)
        ctx.shape = log_posteriors.shape
        return log_posteriors.new_tensor(value)

    @staticmethod
    def backward(ctx: Any, outside: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        """The entries, dense; the occupancies' own derivative is not known, so it is refused."""
        if torch.is_grad_enabled():
            raise RunError("sequence losses have no second derivative: call without create_graph")
        places, weights = ctx.saved_tensors
        gradient = weights.new_zeros(ctx.shape)
        gradient[places[0], places[1], places[2]] = weights * outside
        return gradient, None, None, None


class MMILoss(SequenceLoss):
    """Minus the log of the transcript's share of the probability mass, per frame."""

    kind = Kind.MMI


class BoostedMMILoss(SequenceLoss):
    """MMI against competitors that are likelier the more frames they get wrong."""

    kind = Kind.BMMI


class SMBRLoss(SequenceLoss):
    """Expected share of frames in a wrong state."""

    kind = Kind.SMBR


class MPELoss(SequenceLoss):
    """Expected share of frames in a wrong phone."""

    kind = Kind.MPE
