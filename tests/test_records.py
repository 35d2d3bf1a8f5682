import errno
import json
import os

import pytest

from outergrad.errors import InputError, RunError
from outergrad.records import RecordWriter, Tee, finite, read_records


def write(path, *numbers):
    with RecordWriter(path, "mmi") as writer:
        for number in numbers:
            writer.write("push", float(number), replica=number)


def test_what_is_written_is_read_back_in_order(tmp_path):
    path = tmp_path / "records" / "mmi.jsonl"
    write(path, 1, 2)
    write(path, 3)
    records = list(read_records(path))
    assert records[0] == {"time": 1.0, "stage": "mmi", "kind": "push", "replica": 1}
    assert [record["replica"] for record in records] == [1, 2, 3]


def test_records_of_a_kind(tmp_path):
    path = tmp_path / "mmi.jsonl"
    with RecordWriter(path, "mmi") as writer:
        writer.write("push", 0.0)
        writer.write("outer", 1.0, utterance="þú")
    assert [record["utterance"] for record in read_records(path, "outer")] == ["þú"]


@pytest.mark.parametrize("torn", ['{"time": 3, "ki', '{"time": 3}', "x" * 10_000])
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path, torn):
    path = tmp_path / "mmi.jsonl"
    write(path, 1, 2)
    with path.open("a") as file:
        file.write(torn)
    assert [record["replica"] for record in read_records(path)] == [1, 2]
    write(path, 3)
    assert [record["replica"] for record in read_records(path)] == [1, 2, 3]


def test_a_file_can_be_cut_back_to_what_it_was(tmp_path):
    path = tmp_path / "mmi.jsonl"
    write(path, 1)
    with RecordWriter(path, "mmi") as writer:
        length = writer.length
        writer.write("push", 2.0, replica=2)
        assert writer.length > length == len(path.read_bytes().splitlines(keepends=True)[0])
        writer.cut(length)
        writer.write("push", 3.0, replica=3)
        writer.cut(10**9)  # more than there is
    assert [record["replica"] for record in read_records(path)] == [1, 3]
    with RecordWriter(path, "mmi") as writer:
        writer.cut(length + 5)  # of another file: no line ends there
    assert [record["replica"] for record in read_records(path)] == [1, 3]
    with RecordWriter(path, "mmi") as writer:
        writer.cut(0)
    assert path.read_bytes() == b""


def test_of_several_sinks_the_file_is_cut(tmp_path):
    path, kept = tmp_path / "mmi.jsonl", []

    class Sink:
        def write(self, kind, time, **fields):
            kept.append(kind)

    with RecordWriter(path, "mmi") as writer:
        tee = Tee(writer, Sink())
        tee.write("push", 1.0)
        length = tee.length
        tee.write("outer", 2.0)
        tee.cut(length)
    assert [record["kind"] for record in read_records(path)] == ["push"]
    assert kept == ["push", "outer"]


def test_a_file_that_is_one_torn_line(tmp_path):
    path = tmp_path / "mmi.jsonl"
    path.write_text('{"time"')
    write(path, 1)
    assert [record["replica"] for record in read_records(path)] == [1]


def test_damage_elsewhere_is_an_error_with_its_place(tmp_path):
    path = tmp_path / "mmi.jsonl"
    path.write_text('{"kind": "push"}\nrubbish\n{"kind": "push"}\n')
    with pytest.raises(InputError, match=r"mmi\.jsonl:2"):
        list(read_records(path))
    path.write_text("[1]\n")
    with pytest.raises(InputError, match="expected an object"):
        list(read_records(path))
    with pytest.raises(InputError, match="No such file"):
        list(read_records(tmp_path / "none.jsonl"))


def test_numbers_that_json_has_not_become_null(tmp_path):
    path = tmp_path / "mmi.jsonl"
    with RecordWriter(path, "mmi") as writer:
        writer.write("evaluation", 0.0, wer=float("nan"), more=[{"x": float("inf")}, 1.5])
    record = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert record["wer"] is None
    assert record["more"] == [{"x": None}, 1.5]


def test_a_full_disk_is_a_run_error(tmp_path, monkeypatch):
    with RecordWriter(tmp_path / "mmi.jsonl", "mmi") as writer:

        def full(file, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(RunError, match="No space left"):
            writer.write("push", 0.0)
        monkeypatch.setattr(os, "write", lambda file, data: len(data) // 2)
        with pytest.raises(RunError, match="full"):
            writer.write("push", 0.0)


def test_a_place_that_cannot_be_written_is_a_run_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write records"):
        RecordWriter(tmp_path / "file" / "mmi.jsonl", "mmi")


def test_json_values_have_nothing_that_is_not_finite() -> None:
    given = {"a": [1.5, float("nan"), (float("-inf"), "x")], 3: {"b": float("inf"), "c": None}}
    assert finite(given) == {"a": [1.5, None, [None, "x"]], "3": {"b": None, "c": None}}
