"""What a person sees of a training, from what the session tells."""

from collections.abc import Iterator
from contextlib import contextmanager

from outergrad.engine.events import Evaluated, Event, Notice, Statistics
from outergrad.progress import Progress, Show
from outergrad.report.live import Training


class TrainingListener:
    """Turns events into lines that stay and a picture that changes."""

    def __init__(self, progress: Progress, show: Show, training: Training) -> None:
        self._progress = progress
        self._show = show
        self._training = training

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._training = self._training.after(event)
        match event:
            case Statistics():
                self._show(event.visits, self._training.total, self._training)
            case Evaluated():
                held_out = event.evaluation.held_out
                left_out = (
                    (held_out.failed, "failed"),
                    (held_out.without_reference, "count for WER only"),
                )
                said = "".join(f"; {count} utterances {how}" for count, how in left_out if count)
                self._progress.note(
                    f"  {'*' if event.best else ' '} update {event.evaluation.request.updates}: "
                    f"criterion {held_out.criterion:.5f}, WER {held_out.wer:.1f} %, "
                    f"frame error {held_out.frame_error:.1f} %{said}"
                )
            case Notice():
                self._progress.note(f"  {event.text}")


@contextmanager
def watched(
    progress: Progress, what: str, engine: str, utterances: int, frame_seconds: float
) -> Iterator[TrainingListener]:
    """A listener for one training, shown while this is entered.

    Args:
        progress: where.
        what: what is done, e.g. "MMI".
        engine: where roles live.
        utterances: in the training set.
        frame_seconds: from one frame to the next.
    """
    virtual = engine == "simulated"
    training = Training(f"{what} on engine {engine}", utterances, frame_seconds, virtual)
    with progress.board(f"{what}, utterances visited", training) as show:
        yield TrainingListener(progress, show, training)
