"""Charts of experiments: what stands along the axes."""

import re

from outergrad.report.charts import chart_figure
from outergrad.report.experiment import Chart, Panel, Series


def numbers_along(x, width=700):
    """What is written below the axis of a logarithmic panel."""
    series = Series("a", x, [1.0] * len(x))
    chart = Chart("c", [Panel("up", "across", [series], logarithmic=True)], "caption")
    texts = re.findall(r">([^<>]+)</text>", str(chart_figure(chart, width)))
    below = texts[: texts.index("across")] if "across" in texts else texts
    return [float(text) for text in below if re.fullmatch(r"[\d.]+", text) and float(text) in x]


def test_a_logarithmic_axis_within_a_decade_has_the_numbers_of_its_points():
    assert set(numbers_along([0.25, 0.5])) == {0.25, 0.5}


def test_where_there_is_no_room_the_last_of_many_points_stays():
    x = [1.5, 2.5, 5.5, 10.5, 20.5, 50.5, 100.5, 200.5, 500.5]
    assert set(numbers_along(x)) == set(x)
    assert set(numbers_along(x, 340)) == {1.5, 5.5, 20.5, 100.5, 500.5}
