"""Bad input, case by case: what is said about it, and what is kept.

The first table spoils one of three utterances of a corpus (or its lexicon); the good ones must
go on. The second table spoils language models, models, settings and output places; they must be
refused by name, and nothing that was there before may be lost.
"""

import gzip
import io
import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from outergrad.config import build, parse_overrides, read_toml
from outergrad.corpus import Problem, check_corpus, read_lexicon, require_mostly_good
from outergrad.corpus.layouts import read_corpus
from outergrad.errors import OutergradError
from outergrad.graph.arpa import read_arpa
from outergrad.progress import Silent
from outergrad.recipes.settings import Inputs, RunConfig
from outergrad.recipes.stages import RunDirectory
from outergrad.recognizer.alignment import merged_lexicon
from outergrad.recognizer.model import Model

RATE = 16_000
GOOD = {"g1", "g2"}
ALL = {"g1", "g2", "bad"}


class Speech:
    """A Kaldi data directory with utterances g1, g2 and bad, each one word, and a lexicon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lexicon = folder / "lexicon.txt"
        noise = np.random.default_rng(1)
        for name in sorted(ALL):
            self.audio(name, 0.1 * noise.standard_normal(RATE // 2))
        self.table("wav.scp", *(f"{name} {name}.wav" for name in sorted(ALL)))
        self.table("text", *(f"{name} word" for name in sorted(ALL)))
        self.table("utt2spk", *(f"{name} speaker" for name in sorted(ALL)))
        self.lexicon.write_text("word W ER D\nשלום SH L M\nகா K A\n", encoding="utf-8")

    def audio(self, name: str, samples: Any, rate: int = RATE, **options: Any) -> Path:
        path = self.folder / f"{name}.wav"
        soundfile.write(path, samples, rate, **options)
        return path

    def table(self, name: str, *lines: str | bytes) -> None:
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (self.folder / name).write_bytes(b"".join(line + b"\n" for line in raw))

    def say(self, line: str | bytes) -> None:
        """Another line for the utterance bad in text."""
        self.table("text", "g1 word", "g2 word", line)

    def record(self, line: str) -> None:
        """Another line for the utterance bad in wav.scp."""
        self.table("wav.scp", "g1 g1.wav", "g2 g2.wav", line)

    def segments(self, bad: str) -> None:
        """Segments: all of g1 and g2, and `bad` of the recording bad."""
        self.table("segments", "g1 g1 0 0.4", "g2 g2 0 0.4", bad)

    def replace(self, content: bytes) -> None:
        (self.folder / "bad.wav").write_bytes(content)

    def cut(self, format: str) -> None:
        """Keep half of the recording, in another format."""
        path = self.folder / f"bad.{format}"
        soundfile.write(path, 0.1 * np.random.default_rng(2).standard_normal(3 * RATE), RATE)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        self.record(f"bad bad.{format}")


@dataclass(frozen=True)
class Spoiled:
    """One case: how the corpus is spoiled, what must be said, which utterances must be kept."""

    name: str
    spoil: Callable[[Speech], object]
    said: str
    kept: frozenset[str] | None = frozenset(GOOD)
    """None: the corpus as a whole is refused."""


def wav_header(rate: int, channels: int, data: int) -> bytes:
    fields = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + data)
        + b"WAVEfmt "
        + fields
        + b"data"
        + struct.pack("<I", data)
    )


def refused(name: str, spoil: Callable[[Speech], object], said: str) -> Spoiled:
    return Spoiled(name, spoil, said, None)


def kept(name: str, spoil: Callable[[Speech], object], said: str) -> Spoiled:
    return Spoiled(name, spoil, said, frozenset(ALL))


SPOILED = [
    # Broken recordings
    Spoiled("empty file", lambda s: s.replace(b""), "unreadable audio"),
    Spoiled("text called wav", lambda s: s.replace(b"this is no audio\n" * 99), "unreadable audio"),
    Spoiled("four bytes", lambda s: s.replace(b"RIFF"), "unreadable audio"),
    Spoiled("header only", lambda s: s.replace(wav_header(RATE, 1, 0)), "empty audio"),
    Spoiled("cut wav", lambda s: s.cut("wav"), "audio cut off"),
    Spoiled("cut flac", lambda s: s.cut("flac"), "unreadable audio"),
    Spoiled("cut ogg", lambda s: s.cut("ogg"), "audio cut off"),
    Spoiled("no rate", lambda s: s.replace(wav_header(0, 1, 64) + bytes(64)), "unreadable audio"),
    Spoiled(
        "two gigabytes announced",
        lambda s: s.replace(wav_header(RATE, 1, 0x7FFE0000) + bytes(64)),
        "audio cut off",
    ),
    Spoiled("silence", lambda s: s.audio("bad", np.zeros(RATE)), "all samples equal"),
    Spoiled(
        "nan",
        lambda s: s.audio("bad", np.full(RATE, np.nan), subtype="FLOAT"),
        "nan or infinite samples",
    ),
    Spoiled(
        "infinity",
        lambda s: s.audio("bad", np.full(RATE, np.inf), subtype="FLOAT"),
        "nan or infinite samples",
    ),
    Spoiled("no such file", lambda s: s.record("bad none.wav"), "no such file"),
    Spoiled("a folder", lambda s: s.record("bad ."), "not a regular file"),
    Spoiled(
        "a pipe that nobody writes to",
        lambda s: (os.mkfifo(s.folder / "fifo"), s.record("bad fifo")),
        "not a regular file",
    ),
    Spoiled("a shell command", lambda s: s.record("bad touch ran |"), "shell command"),
    Spoiled("standard input", lambda s: s.record("bad -"), "standard input"),
    Spoiled("an archive", lambda s: s.record("bad a.ark:17"), "Kaldi archive"),
    Spoiled("no path", lambda s: s.record("bad"), "no path"),
    Spoiled(
        "a link to itself",
        lambda s: ((s.folder / "loop").symlink_to("loop"), s.record("bad loop")),
        "no such file",
    ),
    Spoiled(
        "shorter than its phones",
        lambda s: s.audio("bad", 0.1 * np.ones(800) - 0.05),
        "all samples",
    ),
    Spoiled(
        "shorter than its words",
        lambda s: s.audio("bad", 0.1 * np.random.default_rng(0).standard_normal(800)),
        "speech shorter than its phones",
    ),
    # Odd recordings that can be used
    kept("8 kHz", lambda s: s.audio("bad", 0.1 * np.sin(np.arange(8000)), 8000), "8000 Hz"),
    kept("96 kHz", lambda s: s.audio("bad", 0.1 * np.sin(np.arange(96000)), 96000), "96000 Hz"),
    kept("stereo", lambda s: s.audio("bad", 0.1 * np.eye(8000, 2)), "2 channels"),
    kept(
        "clipped", lambda s: s.audio("bad", np.sign(np.sin(0.1 * np.arange(8000)))), "clipped audio"
    ),
    # Segments
    Spoiled("beyond the end", lambda s: s.segments("bad bad 3 5"), "segment outside"),
    Spoiled("end before begin", lambda s: s.segments("bad bad 0.4 0.1"), "not a stretch"),
    Spoiled("times in words", lambda s: s.segments("bad bad one two"), "must be seconds"),
    Spoiled("times not finite", lambda s: s.segments("bad bad nan inf"), "must be finite"),
    Spoiled("unknown recording", lambda s: s.segments("bad other 0 1"), "not in wav.scp"),
    # Transcripts
    Spoiled("latin-1", lambda s: s.say("bad wörd".encode("latin-1")), "is not UTF-8"),
    Spoiled("no words", lambda s: s.say("bad"), "empty transcript"),
    Spoiled("no transcript", lambda s: s.table("text", "g1 word", "g2 word"), "without transcript"),
    Spoiled("no audio", lambda s: s.table("wav.scp", "g1 g1.wav", "g2 g2.wav"), "without audio"),
    Spoiled("unknown word", lambda s: s.say("bad wrod"), "'wrod' is not in the lexicon"),
    Spoiled(
        "another normal form",
        lambda s: (
            s.lexicon.write_text("word W ER D\nísland I S\n", encoding="utf-8"),
            s.say("bad i\u0301sland"),
        ),
        "another Unicode normal form",
    ),
    Spoiled(
        "one id, two texts",
        lambda s: s.table("text", "g1 word", "g2 word", "bad word", "bad word word"),
        "duplicate id",
    ),
    Spoiled(
        "escape sequences in an id", lambda s: s.say("bad\x1b[2J word"), r"bad\x1b[2J contains"
    ),
    kept(
        "one id twice, the same",
        lambda s: s.table("text", "g1 word", "g2 word", "bad word", "bad word"),
        "with the same content",
    ),
    kept(
        "byte order mark",
        lambda s: s.table("text", b"\xef\xbb\xbfbad word", "g1 word", "g2 word"),
        "",
    ),
    kept("CRLF", lambda s: s.table("text", "bad word\r", "g1 word\r", "g2 word\r"), ""),
    kept("right to left", lambda s: s.say("bad שלום"), ""),
    kept("combining characters", lambda s: s.say("bad கா"), ""),
    kept("no speakers", lambda s: (s.folder / "utt2spk").unlink(), "there is no utt2spk"),
    # Whole files
    refused("no list of recordings", lambda s: s.table("wav.scp"), "is empty"),
    refused("no texts", lambda s: (s.folder / "text").unlink(), "cannot read"),
    refused(
        "a folder called text",
        lambda s: ((s.folder / "text").unlink(), (s.folder / "text").mkdir()),
        "not a regular file",
    ),
    refused(
        "UTF-16",
        lambda s: (s.folder / "text").write_text("g1 word\ng2 word\nbad word\n", encoding="utf-16"),
        "not UTF-8",
    ),
    # Lexicons
    refused("empty lexicon", lambda s: s.lexicon.write_text(""), "is empty"),
    refused("binary lexicon", lambda s: s.lexicon.write_bytes(bytes(range(128, 256))), "not UTF-8"),
    refused("only a word", lambda s: s.lexicon.write_text("word\n"), "has no phones"),
    kept("a word without phones", lambda s: s.lexicon.write_text("word W\nodd\n"), "has no phones"),
    kept("a reserved word", lambda s: s.lexicon.write_text("word W\n<eps> W\n"), "is reserved"),
    kept("a line twice", lambda s: s.lexicon.write_text("word W\nword W\n"), "already"),
]


def judge(speech: Speech) -> tuple[set[str], list[Problem]]:
    """Read and check everything: ids of the good utterances, all problems."""
    lexicon, problems = read_lexicon(speech.lexicon)
    corpus, wrong, _ = read_corpus(speech.folder)
    good, more = check_corpus(corpus, lexicon)
    problems = [*problems, *wrong, *more]
    # One in three is bad, which is more than a run takes by default, but fewer than all.
    require_mostly_good(len(good), problems, 0.5)
    return set(good.ids), problems


@pytest.mark.parametrize("case", SPOILED, ids=lambda case: case.name)
def test_spoiled_speech(case: Spoiled, tmp_path: Path) -> None:
    speech = Speech(tmp_path)
    case.spoil(speech)
    if case.kept is None:
        with pytest.raises(OutergradError) as caught:
            judge(speech)
        assert case.said in str(caught.value)
        return
    good, problems = judge(speech)
    assert good == case.kept
    told = "\n".join(f"{problem.kind.value}: {problem}" for problem in problems)
    assert case.said in told
    if not case.said:
        assert told == ""
    if case.kept == GOOD:
        # What is left out is said once per utterance at least, and where it was found.
        assert any(p.fatal and (p.file or p.utterance) for p in problems)
    assert not (speech.folder / "ran").exists()
    assert not Path("ran").exists()


ARPA = """\\data\\
ngram 1=3

\\1-grams:
-0.5 <s>
-0.5 </s>
-0.5 word

\\end\\
"""


class Place:
    """A folder with a good model, a good ARPA file, and room for a run."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        self.model = Path(shutil.copytree(model, folder / "model"))
        self.arpa = folder / "lm.arpa"
        self.arpa.write_text(ARPA)

    def rewrite(self, name: str, change: Callable[[bytes], bytes]) -> None:
        path = self.model / name
        path.write_bytes(change(path.read_bytes()))

    def describe(self, **values: object) -> None:
        description = json.loads((self.model / "model.json").read_text())
        (self.model / "model.json").write_text(json.dumps({**description, **values}))

    def relist(self, name: str) -> None:
        """List a file as it is now, as somebody who wants to be believed would."""
        import hashlib

        content = (self.model / name).read_bytes()
        files = json.loads((self.model / "model.json").read_text())["files"]
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        self.describe(files=files)

    def read_lm(self, text: str) -> None:
        self.arpa.write_text(text)
        read_arpa(self.arpa)

    def set(self, *settings: str) -> None:
        build(RunConfig, parse_overrides(settings), "--set")


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def pickled_array(place: Place) -> None:
    trap = np.empty(1, dtype=object)
    trap[0] = Trap(place.folder / "ran")
    stream = io.BytesIO()
    np.save(stream, trap, allow_pickle=True)
    (place.model / "graph/states.npy").write_bytes(stream.getvalue())
    place.relist("graph/states.npy")
    Model.load(place.model)


def pickled_weights(place: Place) -> None:
    trap = pickle.dumps(Trap(place.folder / "ran"))
    (place.model / "acoustic/weights.safetensors").write_bytes(trap)
    place.relist("acoustic/weights.safetensors")
    Model.load(place.model)


def wanders_off(place: Place) -> None:
    files = json.loads((place.model / "model.json").read_text())["files"]
    place.describe(files={**files, "../../lm.arpa": {"bytes": 1, "sha256": ""}})
    Model.load(place.model)


def second_run(place: Place) -> None:
    first = RunDirectory(place.folder / "run", Silent())
    with first.locked(), RunDirectory(place.folder / "run", Silent()).locked():
        pass


def file_in_the_way(place: Place) -> None:
    with RunDirectory(place.arpa / "run", Silent()).locked():
        pass


def settings_file(text: str) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        path = place.folder / "c.toml"
        path.write_text(text, encoding="utf-8")
        build(RunConfig, read_toml(path), str(path))

    return act


def changed_then_loaded(name: str, change: Callable[[bytes], bytes]) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        place.rewrite(name, change)
        Model.load(place.model)

    return act


def described_then_loaded(**values: object) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        place.describe(**values)
        Model.load(place.model)

    return act


def truncated_gzip(place: Place) -> None:
    path = place.folder / "lm.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode())[:-12])
    read_arpa(path)


def foreign_phones(place: Place) -> None:
    path = place.folder / "more.txt"
    path.write_text("new Q Q\n")
    merged_lexicon(Model.load(place.model), read_lexicon(path)[0])


REFUSED: list[tuple[str, Callable[[Place], object], str]] = [
    ("ARPA, too few n-grams", lambda p: p.read_lm(ARPA.replace("1=3", "1=4")), "data\\ says 4"),
    ("ARPA, too many n-grams", lambda p: p.read_lm(ARPA.replace("1=3", "1=2")), "data\\ says 2"),
    ("ARPA, cut", lambda p: p.read_lm(ARPA[:60]), "lm.arpa"),
    (
        "ARPA, words for numbers",
        lambda p: p.read_lm(ARPA.replace("-0.5 word", "x word")),
        "lm.arpa",
    ),
    ("ARPA, nan", lambda p: p.read_lm(ARPA.replace("-0.5 word", "nan word")), "lm.arpa"),
    ("ARPA, something else", lambda p: p.read_lm("hello\n"), "lm.arpa"),
    ("ARPA, nothing", lambda p: p.read_lm(""), "lm.arpa"),
    ("ARPA, cut gzip", truncated_gzip, "lm.arpa.gz"),
    ("ARPA, no file", lambda p: read_arpa(p.folder / "none.arpa"), "none.arpa"),
    ("model, newer", described_then_loaded(version=99), "install a newer outergrad"),
    ("model, of something else", described_then_loaded(format="x"), "does not describe a model"),
    ("model, no list of files", described_then_loaded(files=None), "files is missing"),
    ("model, a file outside", wanders_off, "'../../lm.arpa' is missing"),
    (
        "model, cut weights",
        changed_then_loaded("acoustic/weights.safetensors", lambda raw: raw[:-9]),
        "weights.safetensors has",
    ),
    (
        "model, a bit flipped",
        changed_then_loaded("hmm.json", lambda raw: raw.replace(b"1", b"2", 1)),
        "hmm.json was altered",
    ),
    (
        "model, no file",
        lambda p: ((p.model / "hmm.json").unlink(), Model.load(p.model)),
        "is missing",
    ),
    (
        "model, cut description",
        changed_then_loaded("model.json", lambda raw: raw[:50]),
        "not readable",
    ),
    ("model, no folder", lambda p: Model.load(p.folder / "none"), "no such folder"),
    ("model, pickle in an array", pickled_array, "not a readable decoding graph"),
    ("model, pickle for weights", pickled_weights, "weights.safetensors"),
    ("model, other phones", foreign_phones, "phones that the model lacks: Q"),
    ("setting, misspelt", lambda p: p.set("ce.rat=1"), "did you mean ce.rate?"),
    ("setting, wrong type", lambda p: p.set("ce.rate=fast"), "ce.rate: expected float"),
    ("setting, no value", lambda p: p.set("ce.rate"), "write section.key=value"),
    ("setting, out of range", lambda p: p.set("decode.search.beam=-1"), "beam must be positive"),
    ("settings, no TOML", settings_file("ce = = 1"), "not a TOML file"),
    ("settings, unknown section", settings_file("[cee]\nrate = 1\n"), "unknown key cee"),
    ("output, two runs at once", second_run, "another run works in this directory"),
    ("output, a file in the way", file_in_the_way, "cannot write here"),
    ("input, no such path", lambda p: Inputs.of(train=p.folder / "none"), "no such file or folder"),
]


@pytest.mark.parametrize(
    ("act", "said"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_refused_by_name(
    act: Callable[[Place], object], said: str, tmp_path: Path, model_directory: Path
) -> None:
    place = Place(tmp_path, model_directory)
    with pytest.raises(OutergradError) as caught:
        act(place)
    assert said in str(caught.value)
    # Nothing was run, and what was there is there.
    assert not (tmp_path / "ran").exists()
    assert place.arpa.exists()
    Model.load(model_directory)


PAGE = Path(__file__).parents[1] / "docs" / "reference" / "bad-input.md"
_KEPT = {
    None: "refused as a whole",
    frozenset(GOOD): "the other utterances",
    frozenset(ALL): "everything",
}


def page() -> str:
    """Both tables as the documentation shows them."""
    spoiled = [(c.name, c.said, _KEPT[c.kept]) for c in SPOILED]
    refused_ones = [(name, said, "everything that was there") for name, _, said in REFUSED]
    return (
        "# Bad input\n\n"
        "What happens with it, case by case. The page is made from the tests "
        "(`tests/test_bad_input.py`), each row\nis one.\n\n"
        "## One of three utterances, or the lexicon, is spoiled\n\n"
        + _table("what is spoiled", spoiled)
        + "\n## Language models, models, settings, output\n\nAll are refused, exit code 2.\n\n"
        + _table("what is wrong", refused_ones)
    )


def _table(what: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {what} | said, among other things | kept |", "|---|---|---|"]
    for name, said, left in rows:
        shown = f"`{said}`" if said else "nothing: it is fine"
        lines.append(f"| {name} | {shown} | {left} |")
    return "\n".join(lines) + "\n"


def test_the_documentation_lists_all_cases() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    assert len(SPOILED) + len(REFUSED) >= 40
