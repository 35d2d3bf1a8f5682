"""The evaluator role: statistics of held-out data, out of the way of training."""

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.workers.messages import Evaluation
from outergrad.workers.ports import EvaluationDesk, ParameterClient
from outergrad.workers.program import EvaluationSource


class Evaluator:
    """Measures the parameters that were frozen for it when it is asked to."""

    def __init__(
        self,
        num_parameters: int,
        source: EvaluationSource,
        client: ParameterClient,
        desk: EvaluationDesk,
    ) -> None:
        self._source = source
        self._client = client
        self._desk = desk
        self._parameters: Float32Array = np.empty(num_parameters, np.float32)

    def run(self) -> None:
        """Work until there are no more requests."""
        while self.step():
            pass

    def step(self) -> bool:
        """One evaluation; False when there are no more requests."""
        request = self._desk.take()
        if request is None:
            return False
        self._client.pull(self._parameters)
        self._source.load(self._parameters)
        self._desk.put(Evaluation(request, self._source.evaluate()))
        return True
