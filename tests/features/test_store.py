import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outergrad.errors import InputError, RunError
from outergrad.features import FeatureStore, StoreWriter

X = np.arange(6, dtype=np.float32).reshape(3, 2)
Y = np.array([[7.0, 8.0]], dtype=np.float32)


def partials(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if path.name.endswith(".partial")]


def test_by_hand(tmp_path: Path) -> None:
    store = FeatureStore.create(
        tmp_path / "s", [("x", X), ("y", Y)], left=2, right=1, attributes={"rate": 16000}
    )
    assert store.ids == ("x", "y")
    assert (store.dim, store.stacked_dim, store.left, store.right) == (2, 8, 2, 1)
    assert (store.num_frames("x"), store.num_frames("y"), store.total_frames) == (3, 1, 4)
    assert store.attributes == {"rate": 16000}
    np.testing.assert_array_equal(store.frames("x"), X)
    np.testing.assert_array_equal(
        store.stacked("x"),
        [[0, 1, 0, 1, 0, 1, 2, 3], [0, 1, 0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 4, 5]],
    )
    np.testing.assert_array_equal(store.stacked("y"), [[7, 8] * 4])
    assert len(store) == 2
    assert "x" in store
    assert "z" not in store


def test_stacked_is_a_read_only_view(tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "s", [("x", X), ("y", Y)], left=1, right=1)
    stacked, frames = store.stacked("x"), store.frames("x")
    assert np.shares_memory(stacked, frames)
    assert np.shares_memory(stacked, store.windows)
    # One frame further in time is one frame further in memory, not a whole stacked row.
    assert stacked.strides == (2 * 4, 4)
    for view in (stacked, frames, store.windows):
        assert view.dtype == np.float32
        assert not view.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 1.0
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True


stores = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(lengths=stores, dim=st.integers(1, 3), left=st.integers(0, 3), right=st.integers(0, 3))
def test_frames_and_windows_of_any_store(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], dim: int, left: int, right: int
) -> None:
    generator = np.random.default_rng(len(lengths))
    items = [
        (f"u{n}", generator.normal(size=(length, dim)).astype(np.float32))
        for n, length in enumerate(lengths)
    ]
    path = tmp_path_factory.getbasetemp() / "any.store"
    store = FeatureStore.create(path, items, left=left, right=right)
    assert store.total_frames == sum(lengths)
    for key, frames in items:
        np.testing.assert_array_equal(store.frames(key), frames)
        stacked = store.stacked(key)
        for t in range(len(frames)):
            around = np.clip(np.arange(t - left, t + right + 1), 0, len(frames) - 1)
            np.testing.assert_array_equal(stacked[t], frames[around].ravel())
            np.testing.assert_array_equal(store.windows[store.first_window(key) + t], stacked[t])


@pytest.mark.parametrize(
    ("items", "what"),
    [
        ([("x", X), ("x", X)], "before"),
        ([("x", X), ("y", np.ones((2, 3), np.float32))], "3 dimensions"),
        ([("x", X.astype(np.float64))], "float32"),
        ([("x", X[:0])], "at least one frame"),
        ([("x", X[0])], "float32"),
        ([("x", np.full((2, 2), np.nan, np.float32))], "nan"),
        ([("x", np.full((2, 2), -np.inf, np.float32))], "infinite"),
    ],
)
def test_bad_features_leave_nothing_behind(
    tmp_path: Path, items: list[tuple[str, np.ndarray]], what: str
) -> None:
    with pytest.raises(InputError, match=what):
        FeatureStore.create(tmp_path / "s", items)
    assert list(tmp_path.iterdir()) == []


def test_bad_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="negative"):
        FeatureStore.create(tmp_path / "s", [], left=-1)
    with pytest.raises(InputError, match="JSON"):
        FeatureStore.create(tmp_path / "s", [("x", X)], attributes={"a": object()})
    store = FeatureStore.create(tmp_path / "s", [("x", X)])
    for call in (store.frames, store.stacked, store.num_frames, store.first_window):
        with pytest.raises(InputError, match="no utterance zz"):
            call("zz")
    assert partials(tmp_path) == []


def test_an_empty_store_is_a_store(tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "s", [], left=2, right=2)
    assert (len(store), store.total_frames, store.ids) == (0, 0, ())
    assert store.windows.size == 0


def test_a_folder_that_cannot_be_written_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"):
        FeatureStore.create(tmp_path / "file" / "s", [("x", X)])
    (tmp_path / "s").mkdir()
    with pytest.raises(RunError, match="cannot write"):
        FeatureStore.create(tmp_path / "s", [("x", X)])
    assert partials(tmp_path) == []


def damaged(path: Path, content: bytes, match: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=match):
        FeatureStore.open(path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    FeatureStore.create(path, [("x", X), ("y", Y)], left=1, right=1)
    content = path.read_bytes()
    for size in range(len(content)):
        damaged(path, content[:size], "not a complete|truncated")
    damaged(path, content + b"x", "damaged")
    damaged(path, b"RIFF" + content[4:], "not a complete")
    damaged(path, bytes(len(content)), "not a complete")
    damaged(path, content[:8] + b"\x02" + content[9:], "format 2.*update")
    damaged(path, content[:-3] + b"9" + content[-2:], "index.*damaged")
    path.unlink()
    with pytest.raises(InputError, match="cannot open"):
        FeatureStore.open(path)
    with pytest.raises(InputError, match="cannot open"):
        FeatureStore.open(tmp_path)


def test_an_interrupted_writer_keeps_the_old_store(tmp_path: Path) -> None:
    path = tmp_path / "s"
    FeatureStore.create(path, [("old", X)])

    def items() -> Iterator[tuple[str, np.ndarray]]:
        yield "new", Y
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureStore.create(path, items())
    assert FeatureStore.open(path).ids == ("old",)
    assert partials(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
import numpy as np
from outergrad.features import StoreWriter
writer = StoreWriter(Path(sys.argv[1]), left=1, right=1)
writer.append("new", np.ones((1000, 40), np.float32))
if sys.argv[2] == "normalising":
    for _, rows in writer.rows():
        rows[:] = 2.0
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("moment", ["writing", "normalising"])
def test_a_killed_writer_keeps_the_old_store_and_is_cleaned_up_after(
    tmp_path: Path, moment: str
) -> None:
    path = tmp_path / "s"
    FeatureStore.create(path, [("old", X)])
    command = [sys.executable, "-c", KILLED, str(path), moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        [partial] = partials(tmp_path)
        # A writer that is alive is left alone.
        with StoreWriter(path):
            assert partial.exists()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert FeatureStore.open(path).ids == ("old",)
    with pytest.raises(InputError, match="not a complete"):
        FeatureStore.open(partial)
    assert FeatureStore.create(path, [("newer", Y)]).ids == ("newer",)
    assert partials(tmp_path) == []


def test_views_survive_the_replacement_of_the_file(tmp_path: Path) -> None:
    old = FeatureStore.create(tmp_path / "s", [("x", X)])
    view = old.frames("x")
    FeatureStore.create(tmp_path / "s", [("x", X + 1)])
    np.testing.assert_array_equal(view, X)
    np.testing.assert_array_equal(FeatureStore.open(tmp_path / "s").frames("x"), X + 1)


READER = """
import pickle, sys
import numpy as np
store = pickle.loads(sys.stdin.buffer.read())
print(sum(store.stacked(key).sum(dtype=np.float64) for key in store.ids))
"""


def test_several_processes_read_the_same_file(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    items = [(f"u{n}", generator.normal(size=(50, 4)).astype(np.float32)) for n in range(20)]
    store = FeatureStore.create(tmp_path / "s", items, left=3, right=2)
    pickled = pickle.dumps(store)
    # The path travels, not the features.
    assert len(pickled) < 1000
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    totals = [float(reader.communicate(pickled)[0]) for reader in readers]
    assert totals == [sum(store.stacked(key).sum(dtype=np.float64) for key in store.ids)] * 2


def test_ids_may_be_anything(tmp_path: Path) -> None:
    keys = ["þú", "../../etc", "a\nb", "\u202e", ""]
    store = FeatureStore.create(tmp_path / "s", [(key, X) for key in keys])
    assert FeatureStore.open(tmp_path / "s").ids == tuple(keys)
    assert store.num_frames("../../etc") == 3
