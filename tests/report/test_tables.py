import io

from rich.console import Console

from outergrad.report.tables import wer_table


def rendered(results, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(wer_table(results))
    return console.file.getvalue()


def test_the_terminal_table_fits_80_columns_uncut(results):
    text = rendered(results)
    assert "…" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "DNN, MMI 11.4 10.0 – 12.8 190 35 49 2,400 10" in lines
    assert "unigram Monophone GMM 31.2 28.8 – 33.6 520 110 119 2,400 10" in lines


def test_names_are_never_read_as_markup(results):
    results["test"]["[red]evil[/red]"] = {"[link=x]lm": {"wer": 1.0}}
    text = rendered(results, width=120)
    assert "[red]evil[/red]" in text
    assert "[link=x]lm" in text
