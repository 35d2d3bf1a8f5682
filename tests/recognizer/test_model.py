"""Model directories: complete, movable, refused with the reason when something is wrong."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outergrad.errors import InputError, RunError
from outergrad.recognizer.model import Model, describe, find_model, language_model, summary


@pytest.fixture
def copy(model_directory: Path, tmp_path: Path) -> Path:
    """A copy at another place, as on another machine."""
    return Path(shutil.copytree(model_directory, tmp_path / "elsewhere"))


def test_what_was_saved_is_read_back(model: Model, tones, model_directory: Path) -> None:
    made, lm = tones.tone_model()
    samples = tones.say(["ab", "cd"])
    np.testing.assert_array_equal(
        model.acoustic.scores(model.front_end.stacked(samples)),
        made.acoustic.scores(made.front_end.stacked(samples)),
    )
    assert model.lexicon.entries == made.lexicon.entries
    assert model.config == made.config
    assert model.graph.words == made.graph.words
    # ARPA keeps seven decimals of log10.
    assert language_model(model_directory).log_prob("ab") == pytest.approx(
        lm.log_prob("ab"), abs=1e-6
    )


def test_infinite_beams_are_read_back(model_directory: Path, tones, tmp_path: Path) -> None:
    """JSON has no word for them; a run with one ended when all was done but its model."""
    made, lm = tones.tone_model()
    decoding = made.config.decoding
    search = replace(decoding.search, beam=float("inf"))
    made = replace(made, config=replace(made.config, decoding=replace(decoding, search=search)))
    made.save(tmp_path / "model", lm)
    assert Model.load(tmp_path / "model").config == made.config


def test_a_model_can_be_moved_and_is_found_in_a_run_directory(copy: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    copy.rename(run / "model")
    assert find_model(run) == run / "model"
    Model.load(run)
    told = summary(describe(run))
    assert told["system"] == "tones"
    assert told["test_wer"] == 0.0


def test_nothing_in_it_names_the_place_where_it_was_made(model_directory: Path) -> None:
    place = str(model_directory.parent).encode()
    for file in model_directory.rglob("*"):
        if file.is_file():
            assert place not in file.read_bytes()


def change(directory: Path, **values: object) -> None:
    path = directory / "model.json"
    description = json.loads(path.read_text())
    path.write_text(json.dumps({**description, **values}))


def test_a_newer_version_is_refused(copy: Path) -> None:
    change(copy, version=2, made_by="outergrad 9.9")
    with pytest.raises(InputError, match=r"version 2, made by outergrad 9\.9.*install a newer"):
        Model.load(copy)


@pytest.mark.parametrize(
    "name", ["acoustic/weights.safetensors", "graph/states.npy", "hmm.json", "lexicon.txt"]
)
def test_a_truncated_file_is_named(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=rf"{name} has {len(content) // 2} bytes instead of"):
        Model.load(copy)


def test_an_altered_file_is_named(copy: Path) -> None:
    content = bytearray((copy / "graph/arc_table.npy").read_bytes())
    content[-1] ^= 1
    (copy / "graph/arc_table.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"arc_table\.npy was altered"):
        Model.load(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "hmm.json").unlink()
    with pytest.raises(InputError, match=r"'hmm\.json' is missing"):
        Model.load(copy)


def test_a_torn_description_is_refused(copy: Path) -> None:
    text = (copy / "model.json").read_text()
    (copy / "model.json").write_text(text[:100])
    with pytest.raises(InputError, match="copy the whole folder again"):
        Model.load(copy)


def test_an_unknown_setting_is_refused_by_name(copy: Path) -> None:
    change(copy, settings={"decoding": {"lm_wait": 3}})
    with pytest.raises(InputError, match=r"did you mean decoding\.lm_weight"):
        Model.load(copy)


def test_a_folder_without_model_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no model\.json in it"):
        Model.load(tmp_path)
    (tmp_path / "inputs.json").write_text("{}")
    with pytest.raises(InputError, match="outergrad score --out"):
        Model.load(tmp_path)


def test_parts_of_different_models_are_refused(tones, tmp_path: Path) -> None:
    made, _ = tones.tone_model()
    graph = made.graph
    with pytest.raises(InputError, match="tied states"):
        Model.of(
            "x",
            made.acoustic,
            made.hmm,
            made.lexicon,
            graph.__class__.from_arcs(
                start=0,
                source=[0],
                destination=[0],
                pdf=[0],
                transition=[1],
                word=[0],
                cost=[0.0],
                final_cost=[0.0],
                num_pdfs=1,
                words=graph.words,
            ),
            made.config,
        )


def test_a_full_disk_leaves_the_old_model_and_nothing_else(
    tones, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, lm = tones.tone_model()
    before = sorted(copy.parent.iterdir())

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("outergrad.recognizer.model.write_arpa", full)
    with pytest.raises(RunError, match=r"cannot write the model .* No space left on device"):
        made.save(copy, lm)
    assert sorted(copy.parent.iterdir()) == before
    Model.load(copy)
