"""Forced alignment of recordings with their transcripts by a trained model."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from outergrad.arrays import Float32Array
from outergrad.corpus.audio import AudioError, audio_problem, read_audio
from outergrad.corpus.lexicon import Lexicon, in_phones
from outergrad.corpus.parallel import map_in_threads
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.decoder.alignment import align
from outergrad.decoder.errors import DecodingError
from outergrad.decoder.records import Workspace
from outergrad.errors import InputError
from outergrad.features.extract import FrontEnd
from outergrad.features.frontend import compute_features, from_audio
from outergrad.features.normalisation import StatisticsAccumulator
from outergrad.graph.utterance import UtteranceGraphs
from outergrad.recognizer.gmm_model import AligningModel
from outergrad.recognizer.timing import Timing, time_words


@dataclass(frozen=True, slots=True)
class Aligned:
    """An aligned utterance; times are seconds from the utterance's begin."""

    utterance: str
    seconds: float
    timing: Timing
    score: float | None
    """Mean acoustic score per frame, natural log; utterances far below the others deserve a
    look. None when the alignment came without one."""


def merged_lexicon(model: AligningModel, more: Lexicon | None) -> Lexicon:
    """The model's lexicon with the words of another one, which wins where both have a word.

    Where the model's phones depend on their position in the word (Kaldi's default), the other one
    may have marks or not.

    Raises:
        InputError: the other one has phones that the model lacks.
    """
    if more is None:
        return model.lexicon
    more = in_phones(more, model.hmm.phones)
    unknown = [phone for phone in more.phones if phone not in model.hmm.phones]
    if unknown:
        known = " ".join(model.hmm.phones.names[1:])
        raise InputError(
            f"the lexicon has phones that the model lacks: {' '.join(unknown[:10])}; "
            f"the model has {known}"
        )
    return Lexicon({**model.lexicon.entries, **more.entries})


def with_speaker_means(front_end: FrontEnd, corpus: Corpus, workers: int = 2) -> FrontEnd:
    """The front end with the means of these speakers, as in training; unreadable audio is skipped.

    Only for speakers with several utterances: one utterance has its own mean anyway.
    """
    statistics = front_end.statistics
    if statistics is None or not statistics.normalisation.speaker_mean:
        return front_end
    several = [u for u in corpus if u.speaker != u.id]
    sums = StatisticsAccumulator()

    def features(utterance: Utterance) -> Float32Array | None:
        try:
            audio = read_audio(utterance, front_end.rate)
        except AudioError:
            return None
        return compute_features(audio.samples, front_end.rate, front_end.config)

    for utterance, computed in map_in_threads(features, several, workers):
        if computed is not None and len(computed):
            sums.add(utterance.speaker, computed)
    return replace(front_end, statistics=replace(statistics, speakers=sums.means()))


def align_corpus(
    model: AligningModel, lexicon: Lexicon, corpus: Corpus
) -> Iterator[tuple[Utterance, Aligned | Problem]]:
    """Align one utterance after another.

    Args:
        model: a network's or a GMM's.
        lexicon: pronunciations, with the model's phones.
        corpus: what to align.

    Yields:
        Each utterance with its alignment, or with the reason why it has none.

    Raises:
        InputError: the model takes features that cannot be computed from audio.
    """
    from_audio(model.front_end.config)
    front_end = with_speaker_means(model.front_end, corpus)
    graphs = UtteranceGraphs(lexicon, model.hmm, model.config.graph)
    workspace = Workspace()
    for utterance in corpus:
        yield utterance, _align(model, front_end, lexicon, graphs, workspace, utterance)


def _align(
    model: AligningModel,
    front_end: FrontEnd,
    lexicon: Lexicon,
    graphs: UtteranceGraphs,
    workspace: Workspace,
    utterance: Utterance,
) -> Aligned | Problem:
    origin = utterance.origin
    file, line = origin.text_file, origin.text_line
    unknown = [word for word in utterance.words if word not in lexicon]
    if unknown:
        message = f"not in the lexicon: {', '.join(dict.fromkeys(unknown))}"
        return Problem(Kind.UNKNOWN_WORDS, message, file, line, utterance.id)
    try:
        audio = read_audio(utterance, front_end.rate)
    except AudioError as error:
        return audio_problem(utterance, error)
    try:
        scores = model.scores(front_end, audio.samples, utterance.speaker)
    except InputError as error:
        return Problem(Kind.TOO_SHORT, str(error), file, line, utterance.id)
    try:
        path = align(graphs.compile(utterance.words), scores, workspace=workspace)
    except DecodingError as error:
        return Problem(Kind.NOT_ALIGNED, str(error), file, line, utterance.id)
    shift = front_end.config.frame_shift_ms / 1000
    timing = time_words(utterance.words, path.transitions, lexicon, model.hmm, shift)
    score = path.acoustic_score / path.num_frames
    return Aligned(utterance.id, audio.seconds, timing, round(score, 4))
