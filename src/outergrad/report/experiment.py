"""What the page of an experiment shows, as plain data: claims, charts, tables, facts."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together; all sequences are equally long."""

    label: str
    """What distinguishes it from the other series."""
    x: Sequence[float]
    """In the unit of the panel's horizontal axis; with categories, their numbers from 0."""
    y: Sequence[float]
    """In the unit of the panel."""
    low: Sequence[float] | None = None
    """Lower ends of the intervals."""
    high: Sequence[float] | None = None
    """Upper ends of the intervals."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Series over the same two axes."""

    vertical: str
    """Quantity and unit of the vertical axis."""
    horizontal: str
    """Quantity and unit of the horizontal axis."""
    series: Sequence[Series]
    """What is drawn."""
    categories: Sequence[str] = ()
    """Names of the horizontal positions 0, 1, …; without any, the axis is a quantity."""
    logarithmic: bool = False
    """Whether the horizontal axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure: panels, one below the other."""

    name: str
    """Name of its files; letters, digits and hyphens."""
    panels: Sequence[Panel]
    """From top to bottom."""
    caption: str
    """What is shown; engine, seeds, data and digest are added by the page."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A table."""

    caption: str
    """What it shows."""
    head: Sequence[str]
    """Column titles."""
    rows: Sequence[Sequence[object]]
    """Cells; the first of each row is its name."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One part of a claim, what was found, and what that says."""

    claim: str
    """What is claimed, in one sentence."""
    verdict: str
    """holds, does not hold, cannot tell."""
    evidence: str
    """The number with its interval, and the rule."""


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """Everything on the page of an experiment."""

    name: str
    """As on the command line."""
    title: str
    """What was asked."""
    source: str
    """Figure, table or section of the paper."""
    claim: str
    """What the paper says."""
    verdict: str
    """All statements taken together."""
    statements: Sequence[Statement]
    """Parts of the claim."""
    charts: Sequence[Chart]
    """Our figures."""
    paper: Rows | None
    """The paper's numbers beside ours, where it gives any."""
    tables: Sequence[Rows]
    """Further numbers."""
    facts: Sequence[tuple[str, str]]
    """Engine, seeds, data, digest, date."""
    command: str
    """What repeats the experiment."""
    notes: Sequence[str] = field(default=())
    """What a reader has to know, such as what was made smaller."""
