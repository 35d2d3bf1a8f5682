"""Public corpora, from a server on this machine: verified, resumed, unpacked, laid out."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import read_audio, read_kaldi_directory, read_lexicon
from outergrad.errors import InputError, RunError
from outergrad.progress import Silent
from outergrad.public import CORPORA, get_corpus
from outergrad.public.catalogue import Archive
from outergrad.public.download import fetch
from outergrad.public.unpack import unpack


@dataclass
class Served:
    """What the server sends, and how it misbehaves."""

    content: bytes = b""
    stop_after: int | None = None
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    tag: str | None = None
    """ETag of the content; a request for the rest of another one gets all."""
    shift: int = 0
    """Added to the byte that a partial answer says it begins at."""
    url: str = ""


@pytest.fixture
def server() -> Iterator[Served]:
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.asked.append(wanted)
            begin = 0
            same = self.headers.get("If-Range") in (None, served.tag)
            if wanted and served.ranges and same:
                begin = int(wanted.removeprefix("bytes=").rstrip("-"))
                if begin >= len(served.content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(served.content)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
            body = served.content[begin:]
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(body)))
            if begin:
                last = len(served.content) - 1
                begin += served.shift
                self.send_header("Content-Range", f"bytes {begin}-{last}/{last + 1}")
            if served.tag is not None:
                self.send_header("ETag", served.tag)
            self.end_headers()
            with suppress(ConnectionError):  # who does not like the headers hangs up
                self.wfile.write(body if served.stop_after is None else body[: served.stop_after])

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served.url = f"http://127.0.0.1:{http.server_port}/corpus.tar.gz"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield served
        http.shutdown()
        thread.join()


def quiet(done: int, total: int) -> None:
    pass


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


CONTENT = bytes(range(256)) * 4000


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(server: Served, tmp_path: Path, ranges: bool) -> None:
    server.content, server.stop_after, server.ranges = CONTENT, 600_000, ranges
    target = tmp_path / "c.tar.gz"
    with pytest.raises(RunError, match="run the same command again"):
        fetch(server.url, target, f"sha256:{sha256(CONTENT)}", quiet)
    assert not target.exists()
    kept = (tmp_path / "c.tar.gz.part").stat().st_size
    assert 0 < kept <= 600_000
    server.stop_after = None
    assert fetch(server.url, target, f"sha256:{sha256(CONTENT)}", quiet) == sha256(CONTENT)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={kept}-"]
    fetch(server.url, target, f"md5:{hashlib.md5(CONTENT).hexdigest()}", quiet)
    assert len(server.asked) == 2  # what is there is only verified


def test_a_download_that_was_complete_but_not_verified(server: Served, tmp_path: Path) -> None:
    server.content = CONTENT
    (tmp_path / "c.part").write_bytes(CONTENT)
    fetch(server.url, tmp_path / "c", f"sha256:{sha256(CONTENT)}", quiet)
    assert (tmp_path / "c").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_not_resumed(server: Served, tmp_path: Path) -> None:
    server.content = CONTENT
    with pytest.raises(InputError, match="the file is broken or another one"):
        fetch(server.url, tmp_path / "c", f"sha256:{'0' * 64}", quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_a_failure_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run the same command again"):
        fetch("http://127.0.0.1:9/x", tmp_path / "c", None, quiet)
    with pytest.raises(InputError, match="only http and https"):
        fetch("file:///etc/hostname", tmp_path / "c", None, quiet)


OTHER = bytes(reversed(CONTENT))


def test_a_file_that_changed_in_the_meantime_is_begun_anew(server: Served, tmp_path: Path) -> None:
    """Without a checksum too: no mixture of two files."""
    server.content, server.tag, server.stop_after = CONTENT, '"one"', 600_000
    with pytest.raises(RunError, match="run the same command again"):
        fetch(server.url, tmp_path / "c", None, quiet)
    server.content, server.tag, server.stop_after = OTHER, '"two"', None
    assert fetch(server.url, tmp_path / "c", None, quiet) == sha256(OTHER)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_an_unchanged_file_goes_on_by_its_tag(server: Served, tmp_path: Path) -> None:
    server.content, server.tag, server.stop_after = CONTENT, '"one"', 600_000
    with pytest.raises(RunError):
        fetch(server.url, tmp_path / "c", None, quiet)
    kept = (tmp_path / "c.part").stat().st_size
    server.stop_after = None
    assert fetch(server.url, tmp_path / "c", None, quiet) == sha256(CONTENT)
    assert server.asked[1] == f"bytes={kept}-"
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_more_than_the_server_has_is_begun_anew(server: Served, tmp_path: Path) -> None:
    server.content = CONTENT
    (tmp_path / "c.part").write_bytes(CONTENT + b"left over")
    assert fetch(server.url, tmp_path / "c", None, quiet) == sha256(CONTENT)


def test_a_server_that_sends_another_part_is_not_believed(server: Served, tmp_path: Path) -> None:
    server.content, server.shift = CONTENT, 1
    (tmp_path / "c.part").write_bytes(CONTENT[:1000])
    with pytest.raises(RunError, match="another part than that from byte 1000"):
        fetch(server.url, tmp_path / "c", None, quiet)
    assert (tmp_path / "c.part").read_bytes() == CONTENT[:1000]


def test_a_file_that_is_there_and_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"broken")
    with pytest.raises(InputError, match=rf"{tmp_path / 'c'}: md5 is .*; delete it and fetch"):
        fetch("http://127.0.0.1:9/x", tmp_path / "c", f"md5:{'0' * 32}", quiet)
    with pytest.raises(InputError, match="write sha256:"):
        fetch("http://127.0.0.1:9/x", tmp_path / "c", "crc:0", quiet)


def test_every_archive_whose_publisher_states_a_checksum_has_one() -> None:
    """OpenSLR lists MD5 sums of its resource 31; none are known of the others."""
    known = {
        archive.name: archive.checksum for corpus in CORPORA.values() for archive in corpus.archives
    }
    assert known == {
        "an4_raw.bigendian.tar.gz": None,
        "train-clean-5.tar.gz": "md5:5df7d4e78065366204ca6845bb08f490",
        "dev-clean-2.tar.gz": "md5:6d7ab67ac6a1d2c993d050e16d61080d",
        "samromur_21.05.tgz": None,
    }


def an4(samples: np.ndarray) -> dict[str, bytes]:
    """A corpus of two utterances as CMU publishes AN4."""
    return {
        "an4/etc/an4_train.transcription": b"<s> YES NO </s> (an1-abcd-b)\n<s> </s> (an2-abcd-b)\n",
        "an4/etc/an4_test.transcription": b"NO (cen1-efgh-b)\n",
        "an4/etc/an4.dic": b"YES Y EH S\nNO N OW\n",
        "an4/wav/an4_clstk/abcd/an1-abcd-b.raw": samples.astype(">i2").tobytes(),
        "an4/wav/an4_clstk/abcd/an2-abcd-b.raw": samples.astype(">i2").tobytes(),
        "an4/wav/an4test_clstk/efgh/cen1-efgh-b.raw": samples.astype(">i2").tobytes(),
    }


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


SAMPLES = np.random.default_rng(0).integers(-9000, 9000, 8000)


class Heard(Silent):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def check_an4(out: Path) -> None:
    train, problems = read_kaldi_directory(out / "train")
    assert problems == []
    assert train.ids == ("abcd-an1-abcd-b",)
    assert train["abcd-an1-abcd-b"].words == ("YES", "NO")
    samples = read_audio(train["abcd-an1-abcd-b"]).samples
    np.testing.assert_array_equal(samples * 32768, SAMPLES)
    test, _ = read_kaldi_directory(out / "test")
    assert [(u.speaker, u.words) for u in test] == [("efgh", ("NO",))]
    assert set(read_lexicon(out / "lexicon.txt")[0]) == {"YES", "NO"}


def test_an4_from_a_server(server: Served, tmp_path: Path) -> None:
    server.content = tar_of(an4(SAMPLES))
    corpus = replace(CORPORA["an4"], archives=(Archive(server.url),))
    heard = Heard()
    about = get_corpus(corpus, tmp_path / "an4", None, None, heard)
    assert about["counts"] == {"train": 1, "test": 1}
    assert "Licence" in heard.notes[0]
    assert any(sha256(server.content) in note for note in heard.notes)
    check_an4(tmp_path / "an4")
    with pytest.raises(InputError, match="--sha256 says"):
        get_corpus(corpus, tmp_path / "an4", None, "0" * 64, Silent())
    get_corpus(corpus, tmp_path / "an4", None, sha256(server.content), Silent())


def test_a_wrong_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    given = tmp_path / "renamed.tar.gz"
    given.write_bytes(tar_of(an4(SAMPLES)))
    with pytest.raises(InputError, match="--sha256 says"):
        get_corpus(CORPORA["an4"], tmp_path / "out", given, "0" * 64, Silent())
    assert not (tmp_path / "out" / "unpacked").exists()
    published = tmp_path / "train-clean-5.tar.gz"
    published.write_bytes(given.read_bytes())
    with pytest.raises(InputError, match="should be 5df7d4e7"):
        get_corpus(CORPORA["mini-librispeech"], tmp_path / "out", published, None, Silent())
    assert not (tmp_path / "out" / "unpacked").exists()
    heard = Heard()
    get_corpus(CORPORA["an4"], tmp_path / "out", given, None, heard)
    assert any("renamed.tar.gz: no checksum is known" in note for note in heard.notes)


@pytest.mark.parametrize("packed", [True, False])
def test_an4_from_disk(tmp_path: Path, packed: bool) -> None:
    given = tmp_path / "an4.tar.gz"
    given.write_bytes(tar_of(an4(SAMPLES)))
    if not packed:
        unpack(given, tmp_path / "folder")
        given = tmp_path / "folder"
    get_corpus(CORPORA["an4"], tmp_path / "out", given, None, Silent())
    check_an4(tmp_path / "out")


def test_a_checksum_for_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="a folder has no checksum"):
        get_corpus(CORPORA["an4"], tmp_path / "out", tmp_path / "folder", "0" * 64, Silent())


def test_mini_librispeech(tmp_path: Path) -> None:
    folder = tmp_path / "LibriSpeech" / "dev-clean-2" / "12" / "34"
    folder.mkdir(parents=True)
    soundfile.write(folder / "12-34-0000.flac", SAMPLES / 32768, 16000)
    (folder / "12-34.trans.txt").write_text("12-34-0000 HELLO THERE\n12-34-0001 LOST\n")
    out = tmp_path / "out"
    about = get_corpus(CORPORA["mini-librispeech"], out, tmp_path, None, Silent())
    assert about["counts"] == {"dev": 1}
    (utterance,) = read_kaldi_directory(out / "dev")[0]
    assert (utterance.speaker, utterance.words) == ("12", ("HELLO", "THERE"))


def test_samromur(tmp_path: Path) -> None:
    folder = tmp_path / "samromur" / "train" / "7"
    folder.mkdir(parents=True)
    soundfile.write(folder / "7-1.flac", SAMPLES / 32768, 16000)
    (tmp_path / "samromur" / "metadata.tsv").write_text(
        "id\tspeaker_id\tfilename\tsentence\tsentence_norm\tstatus\n"
        '1\t7\t7-1.flac\t"Góðan daginn."\tgóðan daginn\ttrain\n'
        "2\t7\tlost.flac\tx\tx\ttrain\n",
        encoding="utf-8",
    )
    get_corpus(CORPORA["samromur"], tmp_path / "out", tmp_path / "samromur", None, Silent())
    (utterance,) = read_kaldi_directory(tmp_path / "out" / "train")[0]
    assert utterance.words == ("góðan", "daginn")


def test_a_corpus_that_is_laid_out_already(shared: Path, tmp_path: Path) -> None:
    about = get_corpus(CORPORA["an4"], tmp_path, shared / "data" / "an4", None, Silent())
    assert about["counts"]["train"] > 900
    train, problems = read_kaldi_directory(tmp_path / "train")
    assert problems == []
    assert len(train) == about["counts"]["train"]


def test_another_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for name in CORPORA:
        with pytest.raises(InputError, match=r"this corpus|is not the corpus"):
            get_corpus(CORPORA[name], tmp_path / "out", tmp_path / "x", None, Silent())


def test_archives_cannot_write_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({"../evil": b"x"}))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr("../evil", "x")
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(member)
    (tmp_path / "link.tar").write_bytes(link.getvalue())
    for name in ("a.tar", "a.zip", "link.tar"):
        with pytest.raises(InputError):
            unpack(tmp_path / name, tmp_path / "folder" / "inner")
    assert not (tmp_path / "folder" / "evil").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", tar_of({"a": bytes(5000)})[:60]],
    ids=["empty", "no archive", "cut short"],
)
def test_broken_archives_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "folder")
