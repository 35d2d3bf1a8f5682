"""A decoder's measurements of how far its auxiliary functions are from the criterion."""

import dataclasses

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.gradient.gap import Gap, Probe
from outergrad.workers.config import GapConfig
from outergrad.workers.messages import Stamp
from outergrad.workers.ports import Clock, ParameterClient
from outergrad.workers.program import GapSource, tell_age


class GapMeter:
    """Every so many utterances: compares with the last probe, at new parameters, and probes anew.

    Training is not touched: the decoder gets back the parameters that it held, unless the gap is
    too large and it is to be refreshed.
    """

    def __init__(
        self,
        source: GapSource,
        config: GapConfig,
        num_parameters: int,
        client: ParameterClient,
        clock: Clock,
    ) -> None:
        self._source = source
        self._config = config
        self._client = client
        self._clock = clock
        self._now: Float32Array = np.empty(num_parameters, np.float32)
        self._probe: Probe | None = None
        self._probed = Stamp((), 0.0)
        self._count = 0

    def after(
        self, utterance: str, parameters: Float32Array, held: Stamp
    ) -> tuple[Gap | None, Stamp]:
        """To be called after each utterance, with the parameters that the source has loaded.

        Args:
            utterance: the one just done.
            parameters: float32 [n], what the decoder holds; rewritten when it is refreshed.
            held: their stamp.

        Returns:
            What was measured, if anything, and the stamp of what the decoder holds now.
        """
        self._count += 1
        if (self._count - 1) % self._config.every:
            return None, held
        gap = None
        if self._probe is not None:
            stamp = Stamp(self._client.pull(self._now), self._clock())
            self._source.load(self._now)
            gap = self._source.gap(self._probe)
            if gap is not None:
                age = self._probed.age(stamp.versions, stamp.time).updates
                gap = dataclasses.replace(gap, age=age)
            too_old = gap is not None and abs(gap.per_frame) > self._config.limit
            if too_old and self._config.reaction == "refresh":
                parameters[:] = self._now
                held = stamp
            self._source.load(parameters)
            tell_age(self._source, held.versions)
        self._probe, self._probed = self._source.probe(utterance), held
        return gap, held
