"""What the evaluator says of held-out speech: two words, two states each, scores as features."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from outergrad.config import to_table
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.criteria.config import CriterionConfig, Kind
from outergrad.criteria.outcome import OuterGradient
from outergrad.decoder.alignment import AlignConfig
from outergrad.decoder.decoding import DecoderConfig
from outergrad.engine.events import Evaluated
from outergrad.errors import InputError, RunError
from outergrad.gradient.outer import OuterConfig, outer_gradient
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.progress import Silent
from outergrad.randomness import rng
from outergrad.recipes import roles
from outergrad.recipes.listener import TrainingListener
from outergrad.recipes.settings import RunConfig
from outergrad.report.live import Training
from outergrad.workers.messages import Evaluation, EvaluationRequest, HeldOut
from yes_no import word_graph

CLASSES = PhoneClasses(np.array([0, 2, 3, 4], dtype=np.int32), (1,))
KINDS = pytest.mark.parametrize("kind", list(Kind))
OUTER = OuterConfig(
    decoder=DecoderConfig(beam=60.0, lattice_beam=60.0, acoustic_scale=0.5),
    alignment=AlignConfig(acoustic_scale=0.5),
    criterion=CriterionConfig(rejection=0.0, cancellation=0.0),
)
ADDING = replace(OUTER, criterion=replace(OUTER.criterion, add_reference=True))
IDS = tuple(f"u{k:02d}" for k in range(12))


YES, NO, EITHER = word_graph([1]), word_graph([2]), word_graph([1, 2])


def scores_of(name, short=()):
    """float32 [6, 3], or one frame only, which no word fits, for the ids in `short`."""
    return rng(8, name).standard_normal((6, 3)).astype(np.float32)[: 1 if name in short else 6]


@pytest.fixture
def evaluator(monkeypatch):
    """Makes an evaluator of a kind; all say "yes", scores being what a graph is searched with."""

    def make(kind, config=OUTER, graph=EITHER, short=(), unknown=()):
        whole = RunConfig()

        def compiled(words):
            if words == ("perhaps",):
                raise InputError("the language model gives no probability to: perhaps")
            return YES

        speech = SimpleNamespace(
            config=replace(whole, sequence=replace(whole.sequence, outer=config)),
            prepared=SimpleNamespace(
                corpus=lambda part: Corpus(
                    part,
                    tuple(
                        Utterance(u, u, ("perhaps" if u in unknown else "yes",), Path("none.wav"))
                        for u in IDS
                    ),
                )
            ),
            bootstrapped=SimpleNamespace(
                alignments=lambda part: {u: np.ones(len(scores_of(u, short)), int) for u in IDS}
            ),
            hmm=SimpleNamespace(transitions=SimpleNamespace(pdf_of=np.array([0, 0, 1, 2]))),
            classes=CLASSES,
            model=SimpleNamespace(scores=lambda x: x, log_priors=np.zeros(3, np.float32)),
            features=SimpleNamespace(stacked=lambda u: scores_of(u, short)),
            graph=graph,
            references=SimpleNamespace(compile=compiled),
        )
        monkeypatch.setattr(roles, "_Speech", lambda *arguments: speech)
        return roles.EvaluatorSource("", to_table(RunConfig()), kind.value)

    return make


def trained_on(kind, config, graph, names=IDS):
    """The criterion per frame that training climbs on the same utterances."""
    outers = [
        outer_gradient(scores_of(u), YES, graph, config, utterance=u, kind=kind, classes=CLASSES)
        for u in names
    ]
    return sum(o.value for o in outers) / sum(o.num_frames for o in outers)


@KINDS
def test_the_criterion_is_the_one_of_training(evaluator, kind):
    held_out = evaluator(kind).evaluate()
    assert held_out.criterion == pytest.approx(trained_on(kind, OUTER, EITHER))
    assert held_out.failed == 0
    assert held_out.words == len(IDS)


@pytest.mark.parametrize("kind", [Kind.MMI, Kind.BMMI])
def test_losing_the_reference_is_not_rewarded_where_training_adds_it(evaluator, kind):
    """The search knows "no" only: without the reference in it the criterion has no upper bound."""
    held_out = evaluator(kind, ADDING, NO).evaluate()
    assert held_out.criterion == pytest.approx(trained_on(kind, ADDING, NO))
    assert held_out.criterion < 0


@KINDS
def test_an_utterance_that_cannot_be_searched_is_counted(evaluator, kind):
    held_out = evaluator(kind, short=IDS[:1]).evaluate()
    assert held_out.failed == 1
    assert held_out.criterion == pytest.approx(trained_on(kind, OUTER, EITHER, IDS[1:]))
    assert held_out.deletions >= 1


@KINDS
def test_an_outcome_that_failed_is_counted_and_spoils_nothing(evaluator, kind, monkeypatch):
    evaluate = roles.evaluate

    def sometimes(*arguments, utterance, **named):
        if utterance == IDS[3]:
            return OuterGradient.failure(utterance, 6, "occupancies-off")
        return evaluate(*arguments, utterance=utterance, **named)

    monkeypatch.setattr(roles, "evaluate", sometimes)
    held_out = evaluator(kind).evaluate()
    others = [u for u in IDS if u != IDS[3]]
    assert held_out.failed == 1
    assert held_out.criterion == pytest.approx(trained_on(kind, OUTER, EITHER, others))


@KINDS
def test_words_that_training_cannot_say_count_for_wer_only(evaluator, kind):
    """As with lm.vocabulary=text: the unigram gives some words of the tuning speech nothing."""
    held_out = evaluator(kind, unknown=IDS[:3]).evaluate()
    assert held_out.criterion == pytest.approx(trained_on(kind, OUTER, EITHER, IDS[3:]))
    assert held_out.without_reference == 3
    assert held_out.failed == 0
    assert held_out.words == len(IDS)
    assert held_out.errors >= 3


def test_a_criterion_that_covers_too_little_is_lost(evaluator):
    held_out = evaluator(Kind.MMI, short=IDS[:2]).evaluate()
    assert held_out.failed == 2
    assert held_out.criterion == -np.inf


def test_parameters_that_ran_away_cover_nothing(evaluator):
    source = evaluator(Kind.MMI)

    def scores(x):
        raise RunError("not finite")

    source._speech.model.scores = scores
    held_out = source.evaluate()
    assert held_out.failed == len(IDS)
    assert held_out.criterion == -np.inf


@pytest.mark.parametrize(
    ("failed", "without", "said"),
    [
        (0, 0, "%"),
        (3, 0, "%; 3 utterances failed"),
        (0, 2, "%; 2 utterances count for WER only"),
    ],
)
def test_what_the_criterion_leaves_out_is_shown_to_the_person_who_waits(failed, without, said):
    notes = []
    progress = Silent()
    progress.note = notes.append
    listener = TrainingListener(progress, lambda *shown: None, Training("MMI", 12, 0.01))
    request = EvaluationRequest(0, 0, 0.0, 1e-4, 0.0)
    listener(
        Evaluated(
            Evaluation(request, HeldOut(-0.1, words=9, failed=failed, without_reference=without)),
            True,
        )
    )
    assert notes[0].endswith(said)
