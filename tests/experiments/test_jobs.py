"""Trainings side by side: results, failures, and processes that do not outlive their parent."""

import multiprocessing
import os
import select
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import errands
import pytest

from outergrad.errors import InputError, RunError
from outergrad.experiments.jobs import side_by_side, usual_jobs

PATIENCE = 60.0


def ended(pid: int) -> bool:
    """Whether the process is gone, or goes soon."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE)[0])
    finally:
        os.close(handle)


def heard(fifo: Path) -> str:
    """What a process writes into it; fails when nothing comes."""
    handle = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([handle], [], [], PATIENCE)[0], f"nothing came through {fifo}"
        return os.read(handle, 100).decode()
    finally:
        os.close(handle)


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "long", tmp_path / "failing"]
    for folder in folders:
        folder.mkdir()
    os.mkfifo(tmp_path / "long" / "pid")
    return folders


def test_results_come_from_other_processes():
    found = list(side_by_side(errands.square, [3, 1, 2], 2))
    assert sorted(value for value, _ in found) == [1, 4, 9]
    assert os.getpid() not in {pid for _, pid in found}
    assert 1 <= usual_jobs() <= 8


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do():
    with pytest.raises(RunError, match="fewer --jobs"):
        list(side_by_side(errands.die, [1, 2], 2))


def test_one_that_fails_ends_the_others(pair):
    with pytest.raises(InputError, match="no such speech"):
        list(side_by_side(errands.fail_beside_a_long_one, pair, 2))
    assert ended(int((pair[0].parent / "copy").read_text()))
    assert (pair[0] / "saved").exists()


def test_whoever_has_heard_enough_ends_them(pair):
    others = set(multiprocessing.active_children())
    with closing(side_by_side(errands.square, [1, 2, 3, 4], 1)) as results:
        assert next(results)[0] == 1
    assert not set(multiprocessing.active_children()) - others


def test_nobody_outlives_a_parent_that_is_killed(pair):
    here = Path(__file__)
    program = (
        "import sys; from pathlib import Path; "
        "from outergrad.experiments.jobs import side_by_side; "
        f"sys.path.insert(0, {str(here.parent)!r}); import errands\n"
        "if __name__ == '__main__':\n"
        "    list(side_by_side(errands.fail_beside_a_long_one, [Path(sys.argv[1])], 2))\n"
    )
    script = pair[0].parent / "parent.py"
    script.write_text(program)
    with subprocess.Popen([sys.executable, str(script), str(pair[0])]) as parent:
        child = int(heard(pair[0] / "pid"))
        parent.kill()
    assert ended(child)
