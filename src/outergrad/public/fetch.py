"""One public corpus, from the network or from disk, to data directories."""

import json
from pathlib import Path
from typing import Any

from outergrad.errors import InputError
from outergrad.progress import Progress
from outergrad.public.catalogue import PublicCorpus
from outergrad.public.download import fetch, verify
from outergrad.public.lay_out import lay_out
from outergrad.public.unpack import unpack


def get_corpus(
    corpus: PublicCorpus,
    out: Path,
    given: Path | None,
    sha256: str | None,
    progress: Progress,
) -> dict[str, Any]:
    """Fetch (or take), verify, unpack and lay out.

    Args:
        corpus: which.
        out: folder; gets ``train`` and the like, ``lexicon.txt``, ``source.json``.
        given: an archive or unpacked folder on disk, instead of the network.
        sha256: checksum that the (first) archive must have, besides the published one; compared
            before anything is unpacked.
        progress: where to say the licence and how far it is.

    Returns:
        Utterances of each part, and the checksums of the archives.

    Raises:
        InputError: a wrong or broken archive, or a checksum for a folder.
        RunError: the network failed; the same command goes on.
    """
    progress.note(f"{corpus.title}\nLicence: {corpus.licence}")
    out.mkdir(parents=True, exist_ok=True)
    sums: dict[str, str] = {}
    if given is not None:
        if not given.exists():
            raise InputError(f"--from {given}: no such file or folder")
        if sha256 is not None and given.is_dir():
            raise InputError(
                f"--from {given}: a folder has no checksum; give the archive, or no --sha256"
            )
        source = given
        if given.is_file():
            published = {archive.name: archive.checksum for archive in corpus.archives}
            checksum = published.get(given.name)
            sums[given.name] = verify(given, checksum)
            _judge(given.name, sums[given.name], checksum, sha256, progress)
            source = out / "unpacked"
            unpack(given, source)
    else:
        source = out / "unpacked"
        for number, archive in enumerate(corpus.archives):
            path = out / "archives" / archive.name
            with progress.task(f"fetching {archive.name}, bytes") as advance:
                sums[archive.name] = fetch(archive.url, path, archive.checksum, advance)
            wanted = sha256 if number == 0 else None
            _judge(archive.name, sums[archive.name], archive.checksum, wanted, progress)
            unpack(path, source)
    parts = lay_out(corpus.name, source, out)
    counts = {part: len(found) for part, found in parts.items()}
    about = {"corpus": corpus.name, "licence": corpus.licence, "sha256": sums, "counts": counts}
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (out / "source.json").write_text(text + "\n", encoding="utf-8")
    said = ", ".join(f"{part} {count} utterances" for part, count in counts.items())
    progress.note(f"in {out}: {said}")
    return about


def _judge(
    name: str, found: str, checksum: str | None, wanted: str | None, progress: Progress
) -> None:
    """Before anything is unpacked: compare with --sha256, or say that nothing vouches for a file.

    Raises:
        InputError: it is another file than --sha256 says.
    """
    if wanted is not None and wanted.lower() != found:
        raise InputError(f"{name}: SHA-256 is {found}, --sha256 says {wanted}")
    if wanted is None and checksum is None:
        progress.note(
            f"  {name}: no checksum is known for a file of this name; its SHA-256 is {found} "
            "(--sha256 verifies it next time)"
        )
