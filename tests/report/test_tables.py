import io

from rich.console import Console

from outergrad.report.tables import plain_wer_table, wer_table


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


def test_the_plain_table_is_aligned(results):
    lines = plain_wer_table(results).splitlines()
    assert lines[0].split()[:4] == ["LM", "System", "WER", "%"]
    column = lines[0].index("WER %") + len("WER %")
    assert [line[:column].split()[-1] for line in lines[1:]] == [
        "31.2", "22.9", "17.9", "15.0", "17.4", "13.1", "11.4",
    ]  # fmt: skip
    assert lines[5].startswith("trigram  Triphone GMM")


def test_nothing_scored_gives_an_empty_table():
    assert plain_wer_table({}) == ""
    assert wer_table({}).row_count == 0
