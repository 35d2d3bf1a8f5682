"""A run that starts from a Kaldi system: our own bootstrap, written down as Kaldi would."""

import gzip
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import kaldifst
import numpy as np
import pytest

from outergrad.cli import main
from outergrad.corpus import read_audio, read_lexicon, write_kaldi_directory
from outergrad.errors import InputError, RunError
from outergrad.export.kaldi import write_kaldi
from outergrad.export.kaldi_hmm import write_kaldi_hmm
from outergrad.features import filterbank
from outergrad.graph.compile import compile_graph
from outergrad.graph.estimation import estimate
from outergrad.graph.openfst import Transducer, to_openfst
from outergrad.kaldi.system import KaldiSystem
from outergrad.progress import Silent
from outergrad.recipes.align import align_with_model
from outergrad.recipes.models import Bootstrapped, Graphs
from outergrad.recipes.prepare import Prepared, read_input
from outergrad.recipes.run import Recipe
from outergrad.recipes.settings import Inputs
from outergrad.recognizer.model import Model, language_model
from outergrad.recognizer.transcription import Recognizer

SMALL = Path(__file__).parent.parent / "small.toml"
SETTINGS = ["dnn.dropout=0", "ce.max_epochs=8", "engine=serial", "score.samples=100"]


@pytest.fixture(scope="module")
def data(tones: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speech of five speakers and a lexicon."""
    folder = tmp_path_factory.mktemp("kaldi-data")
    tones.write_corpus(folder, {"train": (40, 5), "test": (16, 2)}, seed=3)
    return folder


@pytest.fixture(scope="module")
def origin(data: Path) -> Path:
    """A run with a bootstrap of its own."""
    recipe(data, data / "origin").through("bootstrap")
    return data / "origin"


@pytest.fixture
def kaldi(origin: Path, tmp_path: Path) -> Path:
    """What that bootstrap found, as Kaldi writes it: two gzipped archives of alignments."""
    folder = tmp_path / "tri3_ali"
    folder.mkdir()
    bootstrapped = Bootstrapped(origin / "bootstrap")
    write_kaldi_hmm(bootstrapped.hmm("tri"), folder)
    for number, part in enumerate(("train", "tune"), start=1):
        lines = [
            f"{utterance} {' '.join(map(str, ids))} \n"
            for utterance, ids in bootstrapped.alignments(part).items()
        ]
        (folder / f"ali.{number}.gz").write_bytes(gzip.compress("".join(lines).encode()))
    return folder


def inputs(data: Path, kaldi: Path | None = None) -> Inputs:
    return Inputs.of(
        train=data / "train", test=data / "test", lexicon=data / "lexicon.txt", kaldi=kaldi
    )


def recipe(data: Path, out: Path, kaldi: Path | None = None) -> Recipe:
    return Recipe.begin(out, inputs(data, kaldi), SMALL, SETTINGS, None, Silent())


def targets(run: Path) -> dict[str, list[int]]:
    bootstrapped = Bootstrapped(run / "bootstrap")
    pdf_of = bootstrapped.hmm("tri").transitions.pdf_of
    return {
        utterance: pdf_of[ids].tolist()
        for part in ("train", "tune")
        for utterance, ids in bootstrapped.alignments(part).items()
    }


def test_a_whole_run_without_a_bootstrap(
    data: Path,
    origin: Path,
    kaldi: Path,
    tones: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """CE learns from the same targets as with the bootstrap; MMI and scoring follow as ever."""
    out = tmp_path / "run"
    options = ["--train", data / "train", "--test", data / "test", "--out", out]
    options += ["--lexicon", data / "lexicon.txt", "--kaldi", kaldi, "--config", SMALL]
    options += [word for setting in SETTINGS for word in ("--set", setting)]
    monkeypatch.setattr("sys.argv", ["outergrad", "run", *map(str, options)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().err
    assert targets(out) == targets(origin)
    assert not list((out / "prepare").glob("mfcc-*"))
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    assert list(results["test"]) == ["ce", "mmi"]
    assert results["stages"]["bootstrap"]["kaldi"] == "tri3_ali"
    assert results["stages"]["bootstrap"]["adjusted"] == 0
    assert results["utterances"]["visits"] == len(Prepared(out / "prepare").corpus("train").ids)
    # Clean tones of four pitches: a network that learned anything makes next to no errors.
    for system in ("ce", "mmi"):
        assert results["test"][system]["trigram"]["wer"] < 10.0
    shutil.move(out / "model", tmp_path / "model")
    tones.record(tmp_path / "new.wav", ["dað", "ab"])
    found = Recognizer(Model.load(tmp_path / "model")).transcribe(tmp_path / "new.wav")
    assert found.text == "dað ab"


def test_stages_are_kept_until_the_system_changes(data: Path, kaldi: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe(data, out, kaldi).through("bootstrap")
    stamp = out / "bootstrap" / "stage.json"
    first = stamp.read_text()
    (kaldi / "log").mkdir()
    (kaldi / "final.occs").write_text("what is not read changes nothing")
    recipe(data, out, kaldi).through("bootstrap")
    assert stamp.read_text() == first
    half = gzip.decompress((kaldi / "ali.1.gz").read_bytes()).splitlines(keepends=True)
    (kaldi / "ali.1.gz").write_bytes(gzip.compress(b"".join(half[:-1])))
    recipe(data, out, kaldi).through("bootstrap")
    assert list(json.loads(stamp.read_text())["summary"]["unaligned"].values()) == ["not aligned"]


def lengthened(kaldi: Path, by: int) -> None:
    """Alignments of the training speech with so many frames more (or less) at their end."""
    lines = gzip.decompress((kaldi / "ali.1.gz").read_bytes()).decode().splitlines()
    changed = []
    for line in lines:
        utterance, *ids = line.split()
        ids = [*ids, *ids[-1:] * by] if by > 0 else ids[: len(ids) + by]
        changed.append(" ".join([utterance, *ids]) + "\n")
    (kaldi / "ali.1.gz").write_bytes(gzip.compress("".join(changed).encode()))


@pytest.mark.parametrize("by", [-2, 2])
def test_alignments_a_little_longer_or_shorter_are_fitted(
    data: Path, origin: Path, kaldi: Path, tmp_path: Path, by: int
) -> None:
    lengthened(kaldi, by)
    recipe(data, tmp_path / "run", kaldi).through("bootstrap")
    summary = json.loads((tmp_path / "run/bootstrap/stage.json").read_text())["summary"]
    assert summary["adjusted"] == len(Bootstrapped(origin / "bootstrap").alignments("train"))
    assert summary["unaligned"] == {}
    found, wanted = targets(tmp_path / "run"), targets(origin)
    assert found.keys() == wanted.keys()
    for utterance, pdfs in found.items():
        assert len(pdfs) == len(wanted[utterance])
        assert pdfs[:-2] == wanted[utterance][:-2]


def test_alignments_of_another_frame_shift_stop_the_run(
    data: Path, kaldi: Path, tmp_path: Path
) -> None:
    lengthened(kaldi, 30)
    with pytest.raises(RunError, match="is its frame shift another"):
        recipe(data, tmp_path / "run", kaldi).through("bootstrap")


def test_tuning_speech_needs_alignments_too(data: Path, kaldi: Path, tmp_path: Path) -> None:
    (kaldi / "ali.2.gz").unlink()
    with pytest.raises(InputError, match=r"none of the \d+ tuning utterances is aligned"):
        recipe(data, tmp_path / "run", kaldi).through("bootstrap")


def test_tuning_speech_with_unknown_words_has_no_reference(
    data: Path, kaldi: Path, tmp_path: Path
) -> None:
    """Kaldi aligned it (with its word for unknown ones): no part of it goes into training."""
    lexicon = read_lexicon(data / "lexicon.txt")[0]
    corpus = read_input(data / "train", "dev", lexicon, Silent())[0]
    tune = corpus.select(Prepared(data / "origin" / "prepare").corpus("tune").ids, "dev")
    write_kaldi_directory(tune, tmp_path / "dev")
    text = (tmp_path / "dev" / "text").read_text().splitlines()
    odd, _, *rest = text[0].split()
    text[0] = " ".join([odd, "unheard", *rest])
    (tmp_path / "dev" / "text").write_text("\n".join(text) + "\n")
    given = Inputs.of(
        train=data / "train",
        dev=tmp_path / "dev",
        test=data / "test",
        lexicon=data / "lexicon.txt",
        kaldi=kaldi,
    )
    out = tmp_path / "run"
    Recipe.begin(out, given, SMALL, SETTINGS, None, Silent()).through("mmi")
    aligned = Bootstrapped(out / "bootstrap").alignments("tune")
    assert len(aligned) == len(tune) - 1
    assert odd not in aligned


@pytest.fixture
def foreign_lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "foreign.txt"
    path.write_text("ab A B\ncd C D\ndað D Q D\n", encoding="utf-8")
    return path


def test_a_lexicon_of_other_phones_is_refused_before_anything_is_computed(
    data: Path, kaldi: Path, tmp_path: Path, foreign_lexicon: Path
) -> None:
    given = Inputs.of(
        train=data / "train", test=data / "test", lexicon=foreign_lexicon, kaldi=kaldi
    )
    with pytest.raises(InputError, match="phones that the Kaldi system lacks: Q"):
        Recipe.begin(tmp_path / "run", given, SMALL, SETTINGS, None, Silent()).through("prepare")


def test_a_directory_without_a_model_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"there is no final\.mdl"):
        recipe(data, tmp_path / "run", tmp_path / "empty").through("prepare")


def with_features(data: Path, target: Path, compressed: bool = False) -> Path:
    """Kaldi data directories with feats.scp: our own filterbank, written by another program."""
    kaldi_native_io = pytest.importorskip("kaldi_native_io")
    lexicon = read_lexicon(data / "lexicon.txt")[0]
    for part in ("train", "test"):
        corpus = read_input(data / part, part, lexicon, Silent())[0]
        folder = target / "data" / part
        write_kaldi_directory(corpus, folder)
        archive = target / "fbank" / f"raw_{part}.ark"
        archive.parent.mkdir(exist_ok=True)
        kind = "CompressedMatrixWriter" if compressed else "FloatMatrixWriter"
        more = (kaldi_native_io.CompressionMethod.kAutomaticMethod,) if compressed else ()
        with getattr(kaldi_native_io, kind)(f"ark,scp:{archive},{folder / 'feats.scp'}") as writer:
            for utterance in corpus:
                audio = read_audio(utterance)
                writer.write(utterance.id, filterbank(audio.samples, audio.rate), *more)
        # As recipes have it: named from where the recipe runs.
        scp = (folder / "feats.scp").read_text().replace(f"{target}/", "")
        (folder / "feats.scp").write_text(scp)
    return target / "data"


@pytest.mark.parametrize("compressed", [False, True])
def test_features_that_kaldi_computed(
    data: Path, kaldi: Path, tmp_path: Path, compressed: bool
) -> None:
    folder = with_features(data, tmp_path, compressed)
    given = Inputs.of(
        train=folder / "train", test=folder / "test", lexicon=data / "lexicon.txt", kaldi=kaldi
    )
    settings = [*SETTINGS, "features=kaldi"]
    out = tmp_path / "run"
    Recipe.begin(out, given, SMALL, settings, None, Silent()).through("prepare")
    ours = data / "origin" / "prepare"
    for part in ("train", "tune", "test"):
        found = Prepared(out / "prepare").filterbank(part)
        wanted = Prepared(ours).filterbank(part)
        assert set(found.ids) == set(wanted.ids)
        for utterance in found.ids:
            # Compression keeps 8 bits of each coefficient's range, some twenty of these units.
            tolerance = 0.1 if compressed else 1e-5
            np.testing.assert_allclose(
                found.frames(utterance), wanted.frames(utterance), atol=tolerance
            )


def test_a_model_on_kaldis_features_says_that_it_cannot_hear(
    data: Path, kaldi: Path, tmp_path: Path
) -> None:
    folder = with_features(data, tmp_path)
    given = Inputs.of(
        train=folder / "train", test=folder / "test", lexicon=data / "lexicon.txt", kaldi=kaldi
    )
    settings = [*SETTINGS, "features=kaldi", "criteria=[]", "ce.max_epochs=4"]
    results = Recipe.begin(tmp_path / "run", given, SMALL, settings, None, Silent()).all()
    assert results["test"]["ce"]["trigram"]["wer"] < 20.0
    model = Model.load(tmp_path / "run")
    with pytest.raises(InputError, match="computed elsewhere"):
        Recognizer(model)
    with pytest.raises(InputError, match="computed elsewhere"):
        align_with_model(tmp_path / "run", folder / "test", tmp_path / "aligned", None, Silent())
    write_kaldi(model, tmp_path / "exported")
    assert "feats.scp" in (tmp_path / "exported" / "README").read_text()
    again = KaldiSystem.read(tmp_path / "exported")
    assert again.hmm.tying == model.hmm.tying


def test_features_without_a_kaldi_system_are_refused(data: Path, tmp_path: Path) -> None:
    settings = [*SETTINGS, "features=kaldi"]
    with pytest.raises(InputError, match="features=kaldi goes with --kaldi DIR"):
        Recipe.begin(tmp_path / "run", inputs(data), SMALL, settings, None, Silent())
    assert not (tmp_path / "run").exists()


def test_a_graph_of_kaldis_decodes_the_test(data: Path, kaldi: Path, tmp_path: Path) -> None:
    """Our graph of the unigram as Kaldi would write it, words numbered in another order."""
    folder = tmp_path / "graph"
    folder.mkdir()
    lexicon = read_lexicon(data / "lexicon.txt")[0]
    words = ["<eps>", "!SIL", *sorted(lexicon, reverse=True), "#0"]
    (folder / "words.txt").write_text(
        "".join(f"{word} {number}\n" for number, word in enumerate(words)), encoding="utf-8"
    )
    lm = estimate([("ab", "cd"), ("dað",)], 1, "witten-bell", sorted(lexicon))
    compiled = compile_graph(lm, lexicon, KaldiSystem.read(kaldi).hmm)
    arcs = compiled.arcs()
    word_ids = np.array([words.index(word) for word in compiled.words], dtype=np.int32)
    fst = Transducer(
        compiled.start,
        arcs.source,
        arcs.destination,
        arcs.transition,
        word_ids[arcs.word],
        arcs.cost,
        compiled.final_cost,
    )
    assert kaldifst.StdConstFst(to_openfst(fst)).write(str(folder / "HCLG.fst"))
    given = Inputs.of(
        train=data / "train",
        test=data / "test",
        lexicon=data / "lexicon.txt",
        kaldi=kaldi,
        hclg=folder,
    )
    settings = [*SETTINGS, "criteria=[]"]
    out = tmp_path / "run"
    results = Recipe.begin(out, given, SMALL, settings, None, Silent()).all()
    assert results["test"]["ce"]["trigram"]["wer"] < 10.0
    stored = Graphs(out / "graph").decoding("tri", "trigram")
    assert (stored.num_states, stored.words) == (compiled.num_states, compiled.words)
    assert Model.load(out).graph.num_states == compiled.num_states
    with pytest.raises(InputError, match=r"given ready-made; there is no lm\.arpa"):
        language_model(out)


def test_options_that_exclude_or_need_each_other(data: Path, tmp_path: Path) -> None:
    paths = {"train": data, "test": data, "lexicon": data / "lexicon.txt"}
    with pytest.raises(InputError, match="--hclg needs the system that it was made for"):
        Inputs.of(**paths, hclg=tmp_path)
    with pytest.raises(InputError, match="--hclg has its language model inside"):
        Inputs.of(**paths, kaldi=tmp_path, hclg=tmp_path, lm=data / "lexicon.txt")
    with pytest.raises(InputError, match=r"--kaldi .*none: no such file or folder"):
        Inputs.of(**paths, kaldi=tmp_path / "none")
