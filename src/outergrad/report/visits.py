"""What sequence training did with gradients, frames and utterances: a block for each criterion."""

from collections.abc import Callable, Sequence

from outergrad.report import figures
from outergrad.report.curves import AGES, age_summary, ages
from outergrad.report.findings import FrameCounts, Visits, frame_counts, visits
from outergrad.report.formatting import NBSP, count, counted, fixed, short_name, significant
from outergrad.report.html import Group, Markup, csv_link, element, join, table
from outergrad.report.parts import caption, figure
from outergrad.report.run import Run, Training

_EXAMPLES = 8

Name = Callable[[str], str]
"""What a table of a block is called as a file."""


def age_parts(run: Run) -> Sequence[Markup]:
    """How old gradients were when they were pushed; nothing when no push has been recorded."""
    blocks = _blocks(run, _ages)
    if not blocks:
        return ()
    explained = element(
        "p",
        "How old a gradient was when it reached the parameters: for the outer gradient, since its "
        "decoder fetched the parameters; for the inner gradient, since the replica did.",
    )
    return (explained, *blocks)


def frame_parts(run: Run) -> Sequence[Markup]:
    """What became of the frames; nothing when no outer gradient has been recorded."""
    blocks = _blocks(run, _frames)
    if not blocks:
        return ()
    text = "What became of the frames of the outer gradients, over all visits."
    return (element("p", text), *blocks)


def visit_parts(run: Run) -> Sequence[Markup]:
    """Visits, and each failed one with its reason; nothing when no visit has been recorded."""
    return _blocks(run, _visits)


def _blocks(run: Run, block: Callable[[Run, Training, Name], Sequence[Markup]]) -> Sequence[Markup]:
    """The blocks of all criteria, each under the criterion's name if there are several."""
    trainings = run.trainings()
    if len(trainings) == 1:
        return block(run, trainings[0], str)
    parts: list[Markup] = []
    for training in trainings:
        found = block(run, training, f"{training.stage}-{{}}".format)
        if found:
            parts += [element("h3", short_name(training.stage)), *found]
    return parts


def _ages(run: Run, training: Training, name: Name) -> Sequence[Markup]:
    recorded = ages(training)
    summary = age_summary(training, recorded)
    if not summary:
        return ()
    rows = []
    for (gradient, unit), quantiles in summary.items():
        rows.append([f"{gradient} age, {unit}", *(significant(value) for value in quantiles)])
    head = ("Age", "Median", "95th percentile")
    quantiles_table = table(head, [Group(rows)], "Age of the outer and the inner gradients")
    if not recorded:
        return (quantiles_table,)
    return (
        quantiles_table,
        figure(
            run,
            lambda width: figures.ages_figure(recorded, summary, width, training.stage),
            "Share of the pushes (%) by the age of their gradients. Solid rule: median; "
            "dashed: 95th percentile. Gradients beyond the 99th percentile are counted in "
            "the last bar.",
            csv_link(
                name("staleness"),
                ("gradient", "unit", "from", "to", "share_percent"),
                (
                    (gradient, unit, edges[i], edges[i + 1], share)
                    for gradient, unit in AGES
                    if (gradient, unit) in recorded
                    for shares, edges in [
                        figures.age_histogram(recorded[gradient, unit], unit == "updates")
                    ]
                    for i, share in enumerate(shares)
                ),
            ),
        ),
    )


def _frames(run: Run, training: Training, name: Name) -> Sequence[Markup]:
    counts = frame_counts(training)
    return () if counts is None else (_shares(run, counts, name),)


def _shares(run: Run, counts: FrameCounts, name: Name) -> Markup:
    other = counts.total - counts.kept - counts.cancelled - counts.rejected
    kinds = [
        ("kept", counts.kept, "Kept", "sent through the DNN"),
        ("cancelled", counts.cancelled, "Cancelled", "numerator and denominator agree"),
        ("rejected", counts.rejected, "Rejected", "denominator misses the reference state"),
    ]
    if other > 0:
        kinds.append(("other", other, "Other", "in utterances without an outer gradient"))
    shares = {kind: 100.0 * frames / counts.total for kind, frames, _, _ in kinds}
    bar = (
        element("span", class_=kind, style=f"flex:{share:.4f} 0 0")
        for kind, share in shares.items()
        if share > 0
    )
    rows = [
        [
            join([element("span", class_=f"swatch {kind}"), label, element("small", note)]),
            count(frames),
            f"{fixed(shares[kind])}{NBSP}%",
        ]
        for kind, frames, label, note in kinds
    ]
    label = ", ".join(f"{label} {shares[kind]:.1f} %" for kind, _, label, _ in kinds)
    data = csv_link(
        name("frames"), ("frames", "count"), [(kind, frames) for kind, frames, _, _ in kinds]
    )
    return element(
        "figure",
        element("div", *bar, class_="shares", role="img", aria_label=label),
        table(("", "Frames", "Share"), [Group(rows)], "Frames kept, cancelled, rejected"),
        caption(run, f"{count(counts.total)} frames.", data),
    )


def _visits(run: Run, training: Training, name: Name) -> Sequence[Markup]:
    seen = visits(training)
    if seen is None:
        return ()
    parts = [element("p", _visited(seen))]
    if seen.failed:
        rows = []
        for reason, failures in seen.failed.items():
            ids = seen.examples.get(reason, ())
            shown = ", ".join(ids[:_EXAMPLES]) + (", …" if len(ids) > _EXAMPLES else "")
            rows.append([reason, count(failures), shown])
        parts.append(
            table(
                ("Reason", "Visits", "Utterances"), [Group(rows)], "Failed visits by reason", (2,)
            )
        )
    return parts


def _visited(seen: Visits) -> str:
    text = counted(seen.total, "visit")
    if seen.utterances is not None and seen.fewest is not None and seen.most is not None:
        each = (
            f"{count(seen.fewest)}"
            if seen.fewest == seen.most
            else f"{count(seen.fewest)} to {count(seen.most)}"
        )
        text += f" to {counted(seen.utterances, 'utterance')}, {each} each"
    failures = sum(seen.failed.values())
    if not failures:
        return f"{text}. None failed."
    share = f" ({fixed(100 * failures / seen.total)}{NBSP}%)" if seen.total else ""
    return (
        f"{text}. {count(failures)}{share} failed and gave no outer gradient; "
        "their reasons are below."
    )
