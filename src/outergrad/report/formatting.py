"""Numbers and names as a reader wants them: units, thousands, p-values, durations."""

import math
import unicodedata

NBSP = "\u00a0"
SYSTEM_NAMES = {
    "mono": "Monophone GMM",
    "tri": "Triphone GMM",
    "ce": "DNN, CE",
    "mmi": "DNN, MMI",
    "bmmi": "DNN, bMMI",
    "smbr": "DNN, sMBR",
    "mpe": "DNN, MPE",
}
"""What the systems of a run are called in tables and figures; other ids stand for themselves."""


def clean(text: object) -> str:
    """Text that any XML or HTML file may hold.

    Ids and words come from input files and may hold anything that JSON can: control characters,
    lone surrogates and noncharacters become U+FFFD.
    """

    def legal(character: str) -> bool:
        noncharacter = ord(character) & 0xFFFE == 0xFFFE
        return not noncharacter and unicodedata.category(character) not in ("Cc", "Cs")

    return "".join(c if c in "\n\t" or legal(c) else "\ufffd" for c in str(text))


def system_name(system: str) -> str:
    """The displayed name of a system."""
    return SYSTEM_NAMES.get(system, clean(system))


def short_name(system: str) -> str:
    """The name of a system inside a sentence: CE, MMI, or as in tables."""
    return system_name(system).removeprefix("DNN, ")


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis if some had to go."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def minus(text: str) -> str:
    """Hyphens that mean minus, set as minus."""
    return text.replace("-", "−")


def fixed(value: float | None, digits: int = 1) -> str:
    """A number with a fixed number of digits; "–" if there is none."""
    return "–" if value is None else minus(f"{value:.{digits}f}")


def significant(value: float | None) -> str:
    """A number with three significant digits, thousands separated; "–" if there is none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return minus(text.rstrip("0").rstrip(".") if "." in text else text)


def count(value: float | None) -> str:
    """A whole number with thousands separated; "–" if there is none."""
    return "–" if value is None else minus(f"{round(value):,}")


def counted(value: float | None, noun: str) -> str:
    """A number of things: 1 visit, 2 visits."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def signed(value: float, digits: int = 0) -> str:
    """A number with its sign."""
    return minus(f"{value:+.{digits}f}")


def probability(p: float) -> str:
    """A p-value as an equation: p = 0.31, p = 0.003, p < 0.001."""
    if p < 0.001:
        return f"p{NBSP}<{NBSP}0.001"
    return f"p{NBSP}={NBSP}{p:.{2 if p >= 0.1 else 3}f}"


def learning_rate(rate: float) -> str:
    """A learning rate: 0.001, 2.5e−5."""
    return minus(f"{rate:g}".replace("e-0", "e-"))


def duration(seconds: float) -> str:
    """A time a person can grasp: 4.2 s, 42 s, 3 min 05 s, 2 h 04 min."""
    if seconds < 9.95:
        return f"{seconds:.1f}{NBSP}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60:02d}{NBSP}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}{NBSP}h {minutes % 60:02d}{NBSP}min"


def time_unit(longest: float) -> tuple[str, float]:
    """Unit for a time axis up to `longest` seconds, and how many seconds it has."""
    if longest < 300:
        return "s", 1.0
    return ("min", 60.0) if longest < 3 * 3600 else ("h", 3600.0)


def described(value: object) -> str:
    """A result's description on one line: text as it is, tables as `key value, …`."""
    if isinstance(value, dict):
        return ", ".join(f"{clean(key)} {described(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(described(entry) for entry in value)
    return clean(value)
