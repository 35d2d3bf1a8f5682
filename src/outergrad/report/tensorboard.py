"""Records as TensorBoard curves, written while the training runs. Needs the extra `tensorboard`."""

import importlib.util
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outergrad.errors import InputError, RunError
from outergrad.records import read_records

INTERVAL_SECONDS = 1.0
"""Pushes and outer gradients, of which there are many, are averaged over so long."""
_EXPORTED = ".outergrad"
FLUSH_SECONDS = 5
"""Nothing stays in memory for longer."""
EVALUATION = {
    "criterion": "held_out/criterion",
    "wer": "held_out/wer",
    "frame_error": "held_out/frame_error",
    "rate": "train/rate",
}
EPOCH = {
    "train_ce": "train/ce",
    "heldout_ce": "held_out/ce",
    "heldout_frame_error": "held_out/frame_error",
    "rate": "train/rate",
}
PUSH = {
    "norm": "gradient/norm",
    "clipped": "gradient/clipped",
    "outer_age_updates": "age/outer_updates",
    "outer_age_seconds": "age/outer_seconds",
    "inner_age_updates": "age/inner_updates",
    "inner_age_seconds": "age/inner_seconds",
}


def require_tensorboard() -> None:
    """See that the package is there.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "curves for TensorBoard need tensorboard: install it with "
            "pip install '.[tensorboard]' in the clone"
        )


class TensorboardSink:
    """A record sink whose curves are over server updates (CE: over epochs)."""

    def __init__(self, folder: Path, now: Callable[[], float], suffix: str = "") -> None:
        """Write event files to `folder`.

        Args:
            folder: made if need be; a resumed training adds a file.
            now: seconds since 1970, the time axis of curves.
            suffix: ends the name of the file.

        Raises:
            InputError: tensorboard is not installed.
            RunError: the folder cannot be written.
        """
        require_tensorboard()
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._folder = folder
        with self._writing():
            self._file = EventFileWriter(
                str(folder), flush_secs=FLUSH_SECONDS, filename_suffix=suffix
            )
        self._now = now
        self._updates = 0
        self._begin: float | None = None
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def write(self, kind: str, time: float, **fields: Any) -> None:
        """Take a record; kinds without a curve are passed over."""
        match kind:
            case "outer":
                self._until(time)
                # Weighted by frames: the criterion is a mean over frames.
                if fields["value"] is not None and fields["reason"] is None:
                    self._add("train/criterion", fields["value"], fields["frames"])
                self._counts["outer"] += 1
            case "push":
                self._until(time)
                self._updates = fields.get("updates", self._updates)
                self._counts["push"] += 1
                for name, tag in PUSH.items():
                    self._add(tag, fields.get(name))
            case "gap":
                self._curve("gap/per_frame", fields["gap"], self._updates)
            case "restart":
                self._counts["restarts"] += 1
                self._curve("workers/restarts", self._counts["restarts"], self._updates)
            case "resumed":
                self._updates = fields["updates"]
                self._sums.clear()
                self._counts.clear()
                self._begin = None
                self._forget(self._updates + 1)
            case "evaluation":
                self._curves(EVALUATION, fields, fields["updates"])
            case "epoch":
                self._curves(EPOCH, fields, fields["epoch"])

    def close(self) -> None:
        """Write what is left."""
        self._averages()
        with self._writing():
            self._file.close()

    def _add(self, tag: str, value: float | None, weight: int = 1) -> None:
        if value is not None and math.isfinite(value):
            self._sums[tag] += value
            self._counts[tag] += weight

    def _until(self, time: float) -> None:
        """Averages of what came before `time`, when that is long enough."""
        if self._begin is None:
            self._begin = time
        elif time - self._begin >= INTERVAL_SECONDS:
            seconds = time - self._begin
            for kind, tag in (("outer", "utterances"), ("push", "updates")):
                self._curve(f"speed/{tag}", self._counts.pop(kind, 0) / seconds, self._updates)
            self._averages()
            self._begin = time

    def _averages(self) -> None:
        for tag, total in self._sums.items():
            self._curve(tag, total / self._counts.pop(tag), self._updates)
        self._sums.clear()

    def _curves(self, tags: dict[str, str], fields: dict[str, Any], step: int) -> None:
        for name, tag in tags.items():
            self._curve(tag, fields.get(name), step)
        with self._writing():
            self._file.flush()

    def _forget(self, step: int) -> None:
        """Let readers drop what the folder has from `step` on: it happens again."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        start = SessionLog(status=SessionLog.START)
        with self._writing():
            # Readers take the first one of a folder for the beginning of all, and pass it over.
            for _ in range(2):
                self._file.add_event(Event(wall_time=self._now(), step=step, session_log=start))

    def _curve(self, tag: str, value: float | None, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        if value is None or not math.isfinite(value):
            return
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        with self._writing():
            self._file.add_event(Event(wall_time=self._now(), step=step, summary=summary))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(f"{self._folder}: cannot write curves: {error.strerror}") from error


def write_curves(run_dir: Path, folder: Path) -> int:
    """Write the curves of a run from its records; may be done while it goes on.

    Args:
        run_dir: run directory, with records/*.jsonl.
        folder: gets a folder per stage; an earlier export there is replaced, nothing else.

    Returns:
        Number of records read.

    Raises:
        InputError: no such run, nothing recorded, or tensorboard is not installed.
        RunError: the files cannot be written.
    """
    require_tensorboard()
    if not run_dir.is_dir():
        raise InputError(f"{run_dir}: no such run directory")
    count = 0
    for path in sorted(run_dir.glob("records/*.jsonl")):
        into = folder / path.stem
        for old in into.glob(f"events.out.tfevents.*{_EXPORTED}"):
            old.unlink()
        # Times are those of the records: seconds since the stage began.
        clock = [0.0]
        sink = TensorboardSink(into, lambda clock=clock: clock[0], _EXPORTED)  # type: ignore[misc]
        for record in read_records(path):
            fields = {k: v for k, v in record.items() if k not in ("kind", "time", "stage")}
            clock[0] = float(record["time"])
            sink.write(str(record["kind"]), clock[0], **fields)
            count += 1
        sink.close()
    if not count:
        raise InputError(f"{run_dir}: nothing is recorded in its folder records/")
    return count
