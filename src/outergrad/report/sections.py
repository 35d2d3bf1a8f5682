"""The sections of the page. Each is markup, or a sentence on why there is nothing to show."""

from collections.abc import Callable
from dataclasses import dataclass

from outergrad.report import figures
from outergrad.report.curves import Curve, ce_curves, sequence_curves
from outergrad.report.errors import error_parts
from outergrad.report.findings import Comparison, comparisons, scores, stage_seconds
from outergrad.report.formatting import (
    NBSP,
    clean,
    duration,
    fixed,
    probability,
    short_name,
    signed,
)
from outergrad.report.gaps import gap_parts
from outergrad.report.html import Group, Markup, csv_link, element, table
from outergrad.report.parts import caption, curve_csv, figure, section
from outergrad.report.run import Run
from outergrad.report.tables import COLUMNS, by_language_model, wer_rows
from outergrad.report.visits import age_parts, frame_parts, visit_parts


@dataclass(frozen=True, slots=True)
class Missing:
    """A section that is left out, and why."""

    why: str


Section = Callable[[Run], Markup | Missing]


def word_error(run: Run) -> Markup | Missing:
    """Test set: table and figure of word errors, and the comparison of the systems."""
    scored = scores(run.results)
    if not scored:
        return Missing("Word error: no system has been scored on the test set.")
    groups = []
    for lm, group in by_language_model(run.results).items():
        best = min(score.wer for score in group)
        rows = []
        for score in group:
            name, rate, *rest = wer_rows(score)
            cell = element("span", rate, class_="best") if score.wer == best else rate
            rows.append([name, cell, *rest])
        notes = [_compared(pair) for pair in comparisons(run.results) if pair.lm == group[0].lm]
        groups.append(Group(rows, f"{lm} language model", " ".join(notes) or None))
    data = csv_link(
        "word-error",
        ("system", "lm", "wer", "low", "high", "sub", "ins", "del", "words", "lm_weight"),
        (
            (s.system, s.lm, s.wer, s.low, s.high, s.substitutions, s.insertions, s.deletions,
             s.words, s.lm_weight)
            for s in scored
        ),
    )  # fmt: skip
    return section(
        "Word error on the test set",
        table(COLUMNS, groups, "Word error of each system on the test set"),
        figure(
            run,
            lambda width: figures.wer_figure(scored, width),
            "Word error on the test set; bars are 95 % bootstrap intervals over utterances. "
            "Intervals of two systems may overlap although the systems differ: the same "
            "utterances are hard for both, which the matched-pairs test takes into account.",
            data,
        ),
        *error_parts(run),
    )


def frame_training(run: Run) -> Markup | Missing:
    """CE training: cross-entropy and frame error by epoch."""
    curves = [c for c in ce_curves(run) if c.has("train_ce", "heldout_ce", "heldout_frame_error")]
    if not curves:
        return Missing("CE training: no epoch has been recorded.")
    names = ("train_ce", "heldout_ce", "heldout_frame_error", "rate")
    return section(
        "Frame training (CE)",
        *(
            figure(
                run,
                lambda width, curve=curve: figures.ce_figure(curve, width),  # type: ignore[misc]
                f"Stage {clean(curve.stage)}: cross-entropy per frame in training and on held-out "
                "data. Dotted rules mark changes of the learning rate.",
                curve_csv(curve, "epoch", names),
            )
            for curve in curves
        ),
    )


def sequence_training(run: Run) -> Markup | Missing:
    """Sequence training: criterion and held-out word error over time; frame error."""
    curves = [c for c in sequence_curves(run) if c.has("criterion", "wer", "frame_error")]
    if not curves:
        return Missing("Sequence training: no evaluation has been recorded.")
    parts: list[Markup] = []
    for curve in curves:
        csv = curve_csv(curve, "seconds", ("updates", "criterion", "wer", "frame_error", "rate"))
        stage = f"Stage {clean(curve.stage)}"
        if curve.has("wer"):
            parts.append(element("p", _course(curve)))
        if curve.has("criterion", "wer"):
            parts.append(
                figure(
                    run,
                    lambda width, curve=curve: figures.sequence_figure(curve, width),  # type: ignore[misc]
                    f"{stage}: criterion and word error on held-out data, decoded with the "
                    "training language model. Dotted rules mark changes of the learning rate.",
                    csv,
                )
            )
        if curve.has("frame_error"):
            parts.append(
                figure(
                    run,
                    lambda width, curve=curve: figures.sequence_figure(  # type: ignore[misc]
                        curve, width, ("frame_error",)
                    ),
                    f"{stage}: frame error on held-out data. Sequence training optimizes word "
                    "strings, and frame error may well rise while word error falls.",
                    csv,
                )
            )
    return section("Sequence training", *parts)


def staleness(run: Run) -> Markup | Missing:
    """Ages of the outer and the inner gradients when they were pushed."""
    parts = age_parts(run)
    if not parts:
        return Missing("Staleness: no push has been recorded.")
    return section("Staleness", *parts)


def auxiliary(run: Run) -> Markup | Missing:
    """How far the auxiliary function was from the criterion when its outer gradient was used."""
    parts = gap_parts(run)
    if not parts:
        return Missing("Auxiliary function: no gap has been measured.")
    return section("Auxiliary function", *parts)


def frames(run: Run) -> Markup | Missing:
    """What became of the frames of the outer gradients."""
    parts = frame_parts(run)
    if not parts:
        return Missing("Frames: no outer gradient has been recorded.")
    return section("Frames", *parts)


def utterances(run: Run) -> Markup | Missing:
    """Visits, and each failed one with its reason."""
    parts = visit_parts(run)
    if not parts:
        return Missing("Utterances: no visit has been recorded.")
    return section("Utterances", *parts)


def stage_times(run: Run) -> Markup | Missing:
    """How long each stage took."""
    seconds = stage_seconds(run.results)
    total = sum(seconds.values())
    if total <= 0:
        return Missing("Time: no stage has been timed.")
    longest = max(seconds.values())
    rows = [
        [
            stage,
            duration(spent),
            f"{fixed(100 * spent / total, 0)}{NBSP}%",
            element("span", class_="bar", style=f"width:{100 * spent / longest:.2f}%"),
        ]
        for stage, spent in seconds.items()
    ]
    data = csv_link("time", ("stage", "seconds"), seconds.items())
    return section(
        "Time",
        element(
            "figure",
            table(("Stage", "Time", "Share", ""), [Group(rows)], "Time of each stage", (3,)),
            caption(run, f"Wall-clock time, {duration(total)} in all.", data),
        ),
    )


def configuration(run: Run) -> Markup | Missing:
    """The resolved configuration, folded away."""
    if run.configuration is None:
        return Missing("Configuration: the run directory holds no config.toml.")
    return section(
        "Configuration",
        element(
            "details",
            element("summary", "Every setting of this run"),
            element("pre", element("code", run.configuration)),
        ),
    )


SECTIONS: tuple[Section, ...] = (
    word_error,
    frame_training,
    sequence_training,
    staleness,
    auxiliary,
    frames,
    utterances,
    stage_times,
    configuration,
)
"""The sections in the order of the page."""


def _compared(pair: Comparison) -> str:
    before, after = pair.first, pair.second
    change = "" if pair.relative is None else f", {signed(pair.relative)}{NBSP}% relative"
    p = "not tested" if pair.p is None else probability(pair.p)
    return (
        f"{short_name(after.system)} − {short_name(before.system)}: "
        f"{signed(after.wer - before.wer, 1)} points{change}; matched-pairs test: {p}."
    )


def _course(curve: Curve) -> str:
    """How held-out word error went, in words."""
    times, rates = curve.points("wer")
    best = int(rates.argmin())
    changes = len(curve.changes("rate"))
    divided = (
        "The learning rate was not changed."
        if changes == 0
        else f"The learning rate was changed {'once' if changes == 1 else f'{changes} times'}."
    )
    return (
        f"Held-out word error: {fixed(float(rates[0]))}{NBSP}% at the first evaluation, "
        f"{fixed(float(rates[-1]))}{NBSP}% at the last; lowest {fixed(float(rates[best]))}{NBSP}% "
        f"after {duration(float(times[best]))}. {divided}"
    )
