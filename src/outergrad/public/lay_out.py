"""From a corpus as its makers publish it to Kaldi data directories and a lexicon."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from outergrad.corpus import Corpus, Utterance, read_kaldi_directory, write_kaldi_directory
from outergrad.errors import InputError

_AN4_LINE = re.compile(r"(?:<s>)?\s*(?P<words>.*?)\s*(?:</s>)?\s*\((?P<id>[^()]+)\)\s*")


def lay_out(name: str, source: Path, out: Path) -> dict[str, Corpus]:
    """Write ``train``, ``dev``, ``test`` (those that there are) and the lexicon, if there is one.

    Args:
        name: Corpus, see the catalogue.
        source: The unpacked corpus; or one that is laid out already.
        out: Where to.

    Returns:
        Part → utterances.

    Raises:
        InputError: `source` is not this corpus.
    """
    if any((source / part / "wav.scp").exists() for part in ("train", "test")):
        parts = {
            part: read_kaldi_directory(source / part)[0]
            for part in ("train", "dev", "test")
            if (source / part / "wav.scp").exists()
        }
        lexicon: Path | None = source / "lexicon.txt"
    else:
        read: dict[str, Callable[[Path, Path], tuple[dict[str, Corpus], Path | None]]] = {
            "an4": _an4,
            "mini-librispeech": _librispeech,
            "samromur": _samromur,
        }
        parts, lexicon = read[name](source, out)
    parts = {part: corpus for part, corpus in parts.items() if len(corpus)}
    if not parts:
        raise InputError(f"{source} is not the corpus {name}: none of its utterances is there")
    for part, corpus in parts.items():
        write_kaldi_directory(corpus, out / part)
    if lexicon is not None and lexicon.is_file():
        (out / "lexicon.txt").write_bytes(lexicon.read_bytes())
    return parts


def _an4(source: Path, out: Path) -> tuple[dict[str, Corpus], Path | None]:
    root = _below(source, "etc/an4_train.transcription").parents[1]
    parts = {}
    for part, folder in (("train", "an4_clstk"), ("test", "an4test_clstk")):
        transcripts = root / "etc" / f"an4_{part}.transcription"
        if not transcripts.is_file():
            continue
        words = {}
        for line in transcripts.read_text(encoding="utf-8").splitlines():
            match = _AN4_LINE.fullmatch(line)
            if match is not None:
                words[match["id"]] = tuple(match["words"].split())
        utterances = []
        for audio in sorted((root / "wav" / folder).glob("*/*.*")):
            said = words.get(audio.stem)
            if said:
                speaker = audio.parent.name
                recording = _readable(audio, out / "audio" / part / speaker)
                utterances.append(Utterance(f"{speaker}-{audio.stem}", speaker, said, recording))
        parts[part] = Corpus(part, tuple(utterances))
    return parts, root / "etc" / "an4.dic"


def _readable(audio: Path, folder: Path) -> Path:
    """The recording itself, or for headerless big-endian samples at 16 kHz a FLAC file of it."""
    if audio.suffix.lower() != ".raw":
        return audio
    samples = np.fromfile(audio, dtype=">i2").astype(np.int16)
    folder.mkdir(parents=True, exist_ok=True)
    recording = folder / f"{audio.stem}.flac"
    soundfile.write(recording, samples, 16_000)
    return recording


def _librispeech(source: Path, out: Path) -> tuple[dict[str, Corpus], Path | None]:
    del out
    parts = {}
    for part, folder in (("train", "train-clean-5"), ("dev", "dev-clean-2")):
        utterances = []
        for transcripts in sorted(source.glob(f"**/{folder}/*/*/*.trans.txt")):
            for line in transcripts.read_text(encoding="utf-8").splitlines():
                name, _, text = line.partition(" ")
                audio = transcripts.parent / f"{name}.flac"
                if text and audio.is_file() and Path(name).name == name:
                    speaker = name.partition("-")[0]
                    utterances.append(Utterance(name, speaker, tuple(text.split()), audio))
        parts[part] = Corpus(part, tuple(utterances))
    return parts, None


def _samromur(source: Path, out: Path) -> tuple[dict[str, Corpus], Path | None]:
    del out
    table = _below(source, "metadata.tsv")
    recordings = {path.name: path for path in table.parent.rglob("*.flac")}
    parts: dict[str, list[Utterance]] = {}
    for row in _rows(table):
        audio = recordings.get(row.get("filename", ""))
        text = row.get("sentence_norm") or row.get("sentence", "")
        part = next((row[key] for key in ("status", "set", "split") if row.get(key)), "")
        if audio is None or not text.split() or part not in ("train", "dev", "test"):
            continue
        speaker = f"speaker-{row['speaker_id']}"
        name = f"{speaker}-{audio.stem}"
        parts.setdefault(part, []).append(Utterance(name, speaker, tuple(text.split()), audio))
    return {part: Corpus(part, tuple(found)) for part, found in parts.items()}, None


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)


def _below(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"**/{name}"))
    if not found:
        raise InputError(f"{folder}: there is no {name} in it; is it this corpus?")
    return found[0]
