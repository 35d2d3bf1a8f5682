"""Where the records of a stage go while it runs."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from outergrad.records import RecordSink, RecordWriter, Tee
from outergrad.report.tensorboard import TensorboardSink


def records_of(run: Path, stage: str) -> Path:
    """The records of a stage of the run directory `run`."""
    return run / "records" / f"{stage}.jsonl"


@contextmanager
def recording(run: Path, stage: str, *, resumed: bool, tensorboard: bool) -> Iterator[RecordSink]:
    """``records/STAGE.jsonl`` and, if asked for, curves in ``tensorboard/STAGE``.

    Args:
        run: run directory.
        stage: its name.
        resumed: go on after what is there; otherwise that is removed first.
        tensorboard: whether to write curves.

    Raises:
        InputError: tensorboard is not installed.
        RunError: something cannot be written.
    """
    records, curves = records_of(run, stage), run / "tensorboard" / stage
    if not resumed:
        records.unlink(missing_ok=True)
        shutil.rmtree(curves, ignore_errors=True)
    with ExitStack() as stack:
        file = stack.enter_context(RecordWriter(records, stage))
        if tensorboard:
            sink = stack.enter_context(closing(TensorboardSink(curves, time.time)))
            yield Tee(file, sink)
        else:
            yield file
