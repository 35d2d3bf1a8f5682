"""Which public corpora there are, under which licence, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archive:
    """A file to fetch.

    Args:
        url: Where it is.
        checksum: "md5:…" or "sha256:…" as its publisher states it; None when none is known to
            this project. A checksum that nobody has published is not made up here.
    """

    url: str
    checksum: str | None = None

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class PublicCorpus:
    """A corpus that anybody may use.

    Args:
        name: What the command calls it.
        title: What its makers call it.
        licence: Shown before anything is fetched.
        archives: Files to fetch.
        megabytes: About how much that is.
    """

    name: str
    title: str
    licence: str
    archives: tuple[Archive, ...]
    megabytes: int


CORPORA = {
    corpus.name: corpus
    for corpus in (
        PublicCorpus(
            "an4",
            "AN4, CMU census database: English spelling, numbers, dates; 48 minutes, 84 speakers",
            "© 1991–2005 Carnegie Mellon University. Free for use for any purpose, commercial or "
            "otherwise; redistributions keep the copyright notice, conditions and disclaimer "
            "(LICENSE in the archive).",
            (Archive("http://www.speech.cs.cmu.edu/databases/an4/an4_raw.bigendian.tar.gz"),),
            64,
        ),
        PublicCorpus(
            "mini-librispeech",
            "Mini LibriSpeech (OpenSLR 31): read English books; 5 + 2 hours",
            "CC BY 4.0. Attribution: V. Panayotov, G. Chen, D. Povey, S. Khudanpur, LibriSpeech "
            "(ICASSP 2015), openslr.org/31.",
            (
                Archive(
                    "https://www.openslr.org/resources/31/train-clean-5.tar.gz",
                    "md5:5df7d4e78065366204ca6845bb08f490",
                ),
                Archive(
                    "https://www.openslr.org/resources/31/dev-clean-2.tar.gz",
                    "md5:6d7ab67ac6a1d2c993d050e16d61080d",
                ),
            ),
            459,
        ),
        PublicCorpus(
            "samromur",
            "Samrómur 21.05 (OpenSLR 112): read Icelandic, crowd-sourced; 145 hours",
            "CC BY 4.0. Attribution: Language and Voice Lab, Reykjavik University, samromur.is, "
            "openslr.org/112.",
            (Archive("https://www.openslr.org/resources/112/samromur_21.05.tgz"),),
            7000,
        ),
    )
}
