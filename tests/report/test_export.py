import xml.etree.ElementTree as ElementTree

import pytest

from outergrad.errors import InputError
from outergrad.report.export import write_figures

SVG = "{http://www.w3.org/2000/svg}"


def test_the_figures_are_svg_files_of_their_own(made_up_run, tmp_path):
    files = write_figures(made_up_run, tmp_path / "figures")
    assert [path.name for path in files] == [
        "word-error.svg",
        "ce-epochs.svg",
        "mmi-evaluations.svg",
        "mmi-frame-error.svg",
        "staleness.svg",
        "mmi-gaps.svg",
    ]
    for path in files:
        root = ElementTree.parse(path).getroot()
        assert root.tag == f"{SVG}svg"
        texts = [node.text for node in root.iter(f"{SVG}text")]
        assert len(texts) > 5, "text stays text"
        assert "prefers-color-scheme:dark" in path.read_text(encoding="utf-8")


def test_where_there_is_nothing_to_draw_nothing_is_written(tmp_path):
    """A model directory has no records: to end well would say that there are figures."""
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match="nothing to draw"):
        write_figures(tmp_path / "model", tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_a_stage_name_cannot_leave_the_folder(make_run, tmp_path):
    record = {"stage": "../../x", "kind": "epoch", "epoch": 1, "heldout_ce": 1.0}
    (path,) = write_figures(make_run(records={"ce": [record]}), tmp_path / "figures")
    assert path == tmp_path / "figures" / "______x-epochs.svg"


@pytest.mark.parametrize("text", ["東京 🎤", "$\\frac$", 'a<b>&"c"'])
def test_any_language_model_name_can_be_drawn(make_run, tmp_path, text):
    folder = make_run({"test": {"ce": {text: {"wer": 12.0}}}})
    (path,) = write_figures(folder, tmp_path / "figures")
    texts = [node.text for node in ElementTree.parse(path).getroot().iter(f"{SVG}text")]
    assert f"{text} LM" in texts
