"""`outergrad inspect` on files: what it prints, what it writes, and how it fails."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from outergrad.cli import app
from outergrad.config import build, to_toml
from outergrad.corpus import Corpus, Utterance, write_kaldi_directory
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.recipes.look import Look, systems_of
from outergrad.recipes.settings import RunConfig

COMPACT = "u1 \n0 1 1 1.5,-20,1_2\n0 1 2 2.5,-25.25,2_2\n1 0.5,3,3\n\n"
STATES = "u2\n0 1 1 1 1.5,-20\n1 2 2 0 0.25,-3\n2\n\n"


@pytest.fixture
def graph(tmp_path):
    folder = tmp_path / "graph"
    DecodingGraph.from_arcs(
        start=0,
        source=[0, 1, 1, 2],
        destination=[1, 1, 2, 3],
        pdf=[0, 0, 1, -1],
        transition=[1, 3, 2, 0],
        word=[1, 0, 0, 2],
        cost=[0.1, 0.2, 0.3, 0.4],
        final_cost=[np.inf, np.inf, np.inf, 0.0],
        num_pdfs=2,
        words=["<eps>", "yes", "no"],
    ).save(folder)
    return folder


def inspect(capsys, *arguments):
    app(["inspect", *map(str, arguments)], standalone_mode=False)
    return capsys.readouterr().out


def test_graphs(graph, capsys, tmp_path):
    text = tmp_path / "graph.txt"
    about = json.loads(inspect(capsys, "graph", graph, "--json", "--openfst", text))
    assert about["states"] == 4
    assert (about["arcs"], about["epsilon_arcs"], about["self_loops"]) == (4, 1, 1)
    assert (about["words"], about["words_in_use"], about["pdfs_in_use"]) == (2, 2, 2)
    shown = inspect(capsys, "graph", graph)
    assert "final states         1" in shown
    assert text.read_text().splitlines()[-1].endswith("\t0")


def test_lattices_of_both_kinds(graph, capsys, tmp_path):
    archive = tmp_path / "lattices.txt"
    archive.write_text(COMPACT + STATES)
    first = ("lattice", archive, "--utterance", "u1", "--acoustic-scale", "1")
    about = json.loads(inspect(capsys, *first, "--json", "--graph", graph))
    assert (about["frames"], about["nodes"], about["arcs"]) == (3, 3, 3)
    assert [item["words"] for item in about["best"]] == ["no", "yes"]
    # Posteriors of the two words: their scores differ by 25.25 - 20 - (2.5 - 1.5).
    shares = {item["word"]: item["posterior"] for item in about["segments"]}
    assert shares["no"] == pytest.approx(1 / (1 + np.exp(-4.25)), abs=1e-4)
    shown = inspect(capsys, *first)
    assert "best word strings" in shown
    # Nobody knows how long the frames of a file are.
    assert "segments (frames, " in shown
    assert re.search(r"\n +0 – +2  ", shown)
    assert json.loads(inspect(capsys, "lattice", archive, "--utterance", "u2", "--json"))[
        "best"
    ] == [{"words": "1", "score": 0.55, "graph_cost": 1.75, "acoustic_score": 23.0}]


def test_a_lattice_written_is_read_again(graph, capsys, tmp_path):
    archive, again, svg = (tmp_path / name for name in ("a.txt", "b.txt", "c.svg"))
    archive.write_text(COMPACT)
    before = json.loads(
        inspect(capsys, "lattice", archive, "--json", "--kaldi", again, "--svg", svg)
    )
    after = json.loads(inspect(capsys, "lattice", again, "--json"))
    assert before.pop("file") != after.pop("file")
    assert before == after
    assert svg.read_text().startswith("<svg")


def test_systems_are_named_in_the_order_of_training(tmp_path):
    for name in ("bmmi", "mmi", "ce"):
        (tmp_path / name / "model").mkdir(parents=True)
        (tmp_path / name / "model" / "description.json").touch()
    assert systems_of(tmp_path) == ("ce", "mmi", "bmmi")


def test_times_are_those_of_the_runs_own_frames(tones, capsys, tmp_path, monkeypatch):
    audio = tmp_path / "u.wav"
    tones.record(audio, ["ab", "cd"])
    run = tmp_path / "run"
    write_kaldi_directory(
        Corpus("train", (Utterance("u", "s", ("ab", "cd"), audio),)), run / "prepare" / "train"
    )
    (run / "ce" / "model").mkdir(parents=True)
    (run / "ce" / "model" / "description.json").touch()
    config = build(RunConfig, {"filterbank": {"frame_shift_ms": 20.0}})
    (run / "config.toml").write_text(to_toml(config))
    times = [(10, 20), (30, 40)]
    aligned = SimpleNamespace(
        num_frames=50, word_frames=times, acoustic_score=0.0, transitions=np.array([])
    )
    monkeypatch.setattr(Look, "alignment", lambda look: (aligned, None))
    shown = inspect(capsys, "alignment", run, "--utterance", "u")
    assert "  0.20 –   0.40 s  ab" in shown
    assert "  0.60 –   0.80 s  cd" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lattice", "{tmp}/none.txt"], "cannot read"),
        (["lattice", "{tmp}/two.txt"], "which utterance.*2 lattices: u1, u2"),
        (["lattice", "{tmp}/two.txt", "--utterance", "u3"], "no utterance 'u3'"),
        (["lattice", "{tmp}/bad.txt"], "no lattice.*\n.*\n"),
        (["lattice", "{tmp}/word.txt", "--graph", "{tmp}/graph"], "word_id 7"),
        (["lattice", "{tmp}/graph"], "give --utterance"),
        (["lattice", "{tmp}/graph", "--utterance", "u"], "no run begun here"),
        (["lattice", "{tmp}", "--utterance", "u", "--graph", "{tmp}/graph"], "--graph is for"),
        (["lattice", "{tmp}", "--utterance", "u", "--acoustic-scale", "1"], "-scale is for"),
        (["graph", "{tmp}/two.txt"], "has not compiled its graphs"),
        (["graph", "{tmp}", "--lm", "bigram"], "choose mono or tri and unigram or trigram"),
        (["alignment", "{tmp}", "--utterance", "u"], "no run begun here"),
    ],
)
def test_errors_say_what_to_do(arguments, message, graph, capsys, tmp_path):
    (tmp_path / "two.txt").write_text(COMPACT + STATES)
    (tmp_path / "bad.txt").write_text("u\n0 1 x y\n\n")
    (tmp_path / "word.txt").write_text("u\n0 1 7 1,2,1\n1\n\n")
    with pytest.raises(InputError, match=message):
        inspect(capsys, *(argument.format(tmp=tmp_path) for argument in arguments))
