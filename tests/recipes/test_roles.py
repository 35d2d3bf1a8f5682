from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.recipes.roles import phone_classes, silence_pdfs


def test_silence_is_one_phone_with_its_own_states():
    hmm = HmmModel.monophone(PhoneTable(("SIL", "A", "B")))
    silent = silence_pdfs(hmm)
    classes = phone_classes(hmm)
    of_silence = classes.is_silence(classes.phone_of)[1:]
    assert set(silent.tolist()) == set(hmm.transitions.pdf_of[1:][of_silence].tolist())
    assert set(silent.tolist()).isdisjoint(hmm.transitions.pdf_of[1:][~of_silence].tolist())
