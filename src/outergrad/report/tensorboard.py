"""The records of a run as TensorBoard's event files (extra ``tensorboard``)."""

from collections.abc import Iterator
from pathlib import Path

from outergrad.errors import InputError, RunError
from outergrad.report.run import Record, load_run, number

SUFFIX = ".outergrad"
"""Ends the names of our event files: those of an earlier export are replaced, no others."""

_ABOUT = ("time", "stage", "kind")


def write_events(run_dir: Path, folder: Path) -> int:
    """Write every number that a run has recorded, as scalars; may be done while the run goes on.

    Tags are ``stage/kind/quantity``. Steps are epochs for what is recorded once an epoch, updates
    where they are recorded, else 0, 1, ...; times are seconds since the stage began.

    Args:
        run_dir: run directory, with records/*.jsonl.
        folder: where to write; made when missing.

    Returns:
        Number of values.

    Raises:
        InputError: no such run, nothing recorded, or the package tensorboard is missing.
        RunError: the file cannot be written.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise InputError(
            "TensorBoard's files need the extra: pip install 'outergrad[tensorboard]'"
        ) from error
    values = [
        (f"{stage}/{kind}/{name}", step, number(record.get("time")) or 0.0, value)
        for stage, kinds in load_run(run_dir).records.items()
        for kind, records in kinds.items()
        for step, record in _numbered(records)
        for name, value in _numbers(record)
    ]
    if not values:
        raise InputError(f"{run_dir}: nothing is recorded in its folder records/")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
            old.unlink()
        writer = EventFileWriter(str(folder), filename_suffix=SUFFIX)
        for tag, step, time, value in values:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(wall_time=time, step=step, summary=summary))
        writer.close()
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror}") from error
    return len(values)


def _numbered(records: list[Record]) -> Iterator[tuple[int, Record]]:
    for position, record in enumerate(records):
        steps = (number(record.get(name)) for name in ("epoch", "updates"))
        step = next((found for found in steps if found is not None), float(position))
        yield int(step), record


def _numbers(record: Record, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a record and of the tables in it, by their names with slashes."""
    for name, value in record.items():
        if not prefix and name in _ABOUT:
            continue
        found = number(value)
        if found is not None:
            yield prefix + name, found
        elif isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}/")
