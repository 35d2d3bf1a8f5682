"""Look inside: lattices, decoding graphs and alignments, of a run or from files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outergrad.cli.app import app
from outergrad.cli.look import PANEL
from outergrad.errors import InputError

if TYPE_CHECKING:
    from outergrad.lattice.word_lattice import WordLattice

inspect = typer.Typer(
    help="Look inside a lattice, a decoding graph or an alignment.", no_args_is_help=True
)
app.add_typer(inspect, name="inspect", rich_help_panel=PANEL)

Where = Annotated[Path, typer.Argument(help="Run directory, or a file or folder; see above.")]
UtteranceId = Annotated[str | None, typer.Option(help="Utterance id.")]
System = Annotated[str, typer.Option(help="System of the run: mono, tri, ce, mmi, …")]
Lm = Annotated[str, typer.Option(help="Language model of the run: unigram or trigram.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@inspect.command("lattice")
def lattice(
    where: Where,
    utterance: UtteranceId = None,
    system: System = "ce",
    lm: Lm = "unigram",
    lattice_beam: Annotated[float, typer.Option(help="How much worse than the best, nats.")] = 8.0,
    best: Annotated[int, typer.Option(help="Word strings to list.")] = 5,
    graph: Annotated[
        Path | None, typer.Option(help="Decoding graph of a lattice file: words and pdfs.")
    ] = None,
    acoustic_scale: Annotated[
        float | None, typer.Option(help="κ of a lattice file. \\[default: 0.1]")
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Write a picture of it, if it is small.")] = None,
    kaldi: Annotated[
        Path | None, typer.Option(help="Write it in Kaldi's text form (compact lattice).")
    ] = None,
    as_json: Json = False,
) -> None:
    """A word lattice: of an utterance of a run, or from a text archive in Kaldi's form.

    For a run the utterance is decoded anew, at the weight that the run has chosen.
    """
    from outergrad.lattice import text
    from outergrad.lattice.picture import picture

    words: tuple[str, ...] | None
    shift: float | None
    if where.is_dir():
        ignored = {"--graph": graph, "--acoustic-scale": acoustic_scale}
        for option, given in ignored.items():
            if given is not None:
                raise InputError(f"{option} is for lattice files: a run brings its own")
        found, words, about, shift = _decoded(where, _needed(utterance), system, lm, lattice_beam)
    else:
        scale = 0.1 if acoustic_scale is None else acoustic_scale
        found, words, about = _read_lattice(where, utterance, graph, scale)
        shift = None
    if svg is not None:
        _write(svg, picture(found, words=words))
    if kaldi is not None:
        _write(kaldi, text.format_archive({about["utterance"]: text.format_word_lattice(found)}))
    about |= _contents(found, words, best)
    shown = json.dumps(about, ensure_ascii=False) if as_json else _lattice_text(about, shift)
    print(shown)


@inspect.command("graph")
def graph(
    where: Where,
    lm: Lm = "unigram",
    states: Annotated[str, typer.Option(help="Of a run: mono or tri.")] = "tri",
    openfst: Annotated[Path | None, typer.Option(help="Write it in OpenFst's text form.")] = None,
    as_json: Json = False,
) -> None:
    """A decoding graph: of a run, or a folder that holds one."""
    import numpy as np

    from outergrad.graph.decoding_graph import DecodingGraph
    from outergrad.graph.openfst_text import write_openfst_text

    if (where / "graph.json").is_file():
        found = DecodingGraph.load(where)
    else:
        from outergrad.recipes.look import graph_of

        found = graph_of(where, states, lm)
    if openfst is not None:
        write_openfst_text(found, openfst)
    arcs = found.arcs()
    leaving = np.bincount(arcs.source, minlength=found.num_states)
    about = {
        "states": found.num_states,
        "arcs": found.num_arcs,
        "epsilon_arcs": int((arcs.pdf < 0).sum()),
        "self_loops": int((found.states["loop_pdf"] >= 0).sum()),
        "epsilon_depth": found.num_levels,
        "final_states": int(np.isfinite(found.final_cost).sum()),
        "pdfs": found.num_pdfs,
        "pdfs_in_use": len(np.unique(arcs.pdf[arcs.pdf >= 0])),
        "words": len(found.words) - 1,
        "words_in_use": len(np.unique(arcs.word[arcs.word > 0])),
        "arcs_per_state_mean": round(float(leaving.mean()), 3),
        "arcs_per_state_most": int(leaving.max()),
        "megabytes": round(
            (found.states.nbytes + found.arc_table.nbytes + found.transitions.nbytes) / 2**20, 2
        ),
    }
    print(json.dumps(about) if as_json else _table(about))


@inspect.command("alignment")
def alignment(
    where: Where,
    utterance: UtteranceId = None,
    system: System = "ce",
    as_json: Json = False,
) -> None:
    """Forced alignment of the transcript of an utterance of a run: words and phones in time."""
    from outergrad.recipes.look import Look

    look = Look.at(where, _needed(utterance), system)
    path, hmm = look.alignment()
    words = [
        {"word": word, "begin": begin, "end": end}
        for word, (begin, end) in zip(look.utterance.words, path.word_frames, strict=True)
    ]
    about = {
        "utterance": look.utterance.id,
        "system": system,
        "frames": path.num_frames,
        "acoustic_score_per_frame": round(path.acoustic_score / max(path.num_frames, 1), 4),
        "words": words,
        "phones": _phones(path.transitions.tolist(), hmm),
    }
    if as_json:
        print(json.dumps(about, ensure_ascii=False))
        return
    print(f"{about['utterance']}  {system}  {path.num_frames} frames\n")
    for kind in ("words", "phones"):
        print(kind)
        for item in about[kind]:  # type: ignore[attr-defined]
            name = item[kind[:-1]]
            print(f"  {_span(item, look.frame_seconds)} s  {name}")


def _needed(utterance: str | None) -> str:
    if utterance is None:
        raise InputError("which utterance? give --utterance ID")
    return utterance


def _decoded(
    run: Path, utterance: str, system: str, lm: str, lattice_beam: float
) -> tuple["WordLattice", tuple[str, ...], dict[str, Any], float]:
    """The word lattice of an utterance of a run, the words, what to say about it, and the seconds
    of a frame."""
    from outergrad.lattice.oracle import oracle_errors
    from outergrad.recipes.look import Look

    look = Look.at(run, utterance, system)
    words = look.graph(lm).words
    states, found = look.lattices(lm, lattice_beam)
    ids = {word: number for number, word in enumerate(words)}
    oracle = oracle_errors(found, [ids.get(word, -1) for word in look.utterance.words])
    about = {
        "utterance": utterance,
        "system": system,
        "lm": lm,
        "lattice_beam": lattice_beam,
        "reference": " ".join(look.utterance.words),
        "oracle_errors": oracle.errors,
        "oracle": " ".join(words[word] for word in oracle.words),
        "state_level_arcs_per_frame": round(states.density, 2),
    }
    return found, words, about, look.frame_seconds


def _read_lattice(
    path: Path, utterance: str | None, graph: Path | None, acoustic_scale: float
) -> tuple["WordLattice", tuple[str, ...] | None, dict[str, Any]]:
    """A lattice of a text archive, of either kind; state-level ones become word lattices."""
    import numpy as np

    from outergrad.graph.decoding_graph import DecodingGraph
    from outergrad.lattice import text
    from outergrad.lattice.one_alignment import one_alignment_per_word_string

    try:
        archive = text.parse_archive(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read it as a text archive of lattices: {error}") from None
    if utterance is None and len(archive) == 1:
        utterance = next(iter(archive))
    if utterance is None or utterance not in archive:
        some = ", ".join(list(archive)[:5]) or "none"
        raise InputError(
            f"{path}: {'which utterance?' if utterance is None else f'no utterance {utterance!r};'}"
            f" it has {len(archive)} lattices: {some}{' …' if len(archive) > 5 else ''}"
        )
    words = None
    # Without a graph nobody knows the pdfs; transition_ids stand in for them.
    pdf_of = np.arange(1 << 20, dtype=np.int32)
    if graph is not None:
        loaded = DecodingGraph.load(graph)
        arcs = loaded.arcs()
        words = loaded.words
        pdf_of = np.zeros(int(arcs.transition.max(initial=0)) + 1, dtype=np.int32)
        pdf_of[arcs.transition] = arcs.pdf
    lines = archive[utterance]
    try:
        found = text.parse_word_lattice(lines, pdf_of=pdf_of, acoustic_scale=acoustic_scale)
    except InputError as compact:
        try:
            states = text.parse_lattice(lines, pdf_of=pdf_of, acoustic_scale=acoustic_scale)
        except InputError as error:
            raise InputError(
                f"{path}: {utterance} is no lattice.\nAs a word lattice: {compact}\n"
                f"As a state-level lattice: {error}"
            ) from None
        found = one_alignment_per_word_string(states, np.inf, 8)
    if words is not None and int(found.word.max(initial=0)) >= len(words):
        raise InputError(f"{path}: word_id {found.word.max()} is not a word of {graph}")
    return found, words, {"utterance": utterance, "file": str(path)}


def _contents(found: "WordLattice", words: tuple[str, ...] | None, best: int) -> dict[str, Any]:
    from outergrad.lattice.n_best import n_best
    from outergrad.lattice.paths import arc_occupancies

    log_z, posterior = arc_occupancies(found)

    def name(word: int) -> str:
        return str(word) if words is None else words[word]

    return {
        "frames": found.num_frames,
        "nodes": found.num_nodes,
        "arcs": found.num_arcs,
        "arcs_per_frame": round(found.density, 2),
        "acoustic_scale": found.acoustic_scale,
        "log_z": round(log_z, 4),
        "best": [
            {
                "words": " ".join(name(word) for word in path.words),
                "score": round(path.log_score, 4),
                "graph_cost": round(path.graph_cost, 4),
                "acoustic_score": round(path.acoustic_score, 4),
            }
            for path in n_best(found, best)
        ],
        "segments": [
            {
                "begin": int(found.frame[source]),
                "end": int(found.frame[target]),
                "word": name(word) if word else "",
                "posterior": round(share, 4),
            }
            for source, target, word, share in sorted(
                zip(
                    found.source.tolist(),
                    found.destination.tolist(),
                    found.word.tolist(),
                    posterior.tolist(),
                    strict=True,
                )
            )
        ],
    }


def _span(item: dict[str, Any], frame_seconds: float | None) -> str:
    """From when to when, in seconds; in frames where nobody knows how long these are."""
    begin, end = item["begin"], item["end"]
    if frame_seconds is None:
        return f"{begin:6d} – {end:6d}"
    return f"{begin * frame_seconds:6.2f} – {end * frame_seconds:6.2f}"


def _lattice_text(about: dict[str, Any], frame_seconds: float | None) -> str:
    head = {key: value for key, value in about.items() if key not in ("best", "segments")}
    lines = [_table(head), "", "best word strings (score, words)"]
    lines += [f"  {item['score']:10.3f}  {item['words']}" for item in about["best"]]
    unit = "frames" if frame_seconds is None else "seconds"
    lines += ["", f"segments ({unit}, posterior, word that begins at the end of it)"]
    lines += [
        f"  {_span(item, frame_seconds)}  {item['posterior']:6.4f}  {item['word']}"
        for item in about["segments"]
    ]
    return "\n".join(lines)


def _phones(transitions: list[int], hmm: Any) -> list[dict[str, Any]]:
    """Runs of frames of one phone; a phone's first state again is a new one."""
    found: list[dict[str, Any]] = []
    state = -1
    for frame, transition in enumerate(transitions):
        name = hmm.phones.names[int(hmm.transitions.phone_of[transition]) - 1]
        now = int(hmm.transitions.hmm_state_of[transition])
        if not found or found[-1]["phone"] != name or (now == 0 and state > 0):
            found.append({"phone": name, "begin": frame, "end": frame})
        found[-1]["end"] = frame + 1
        state = now
    return found


def _table(about: dict[str, Any]) -> str:
    width = max(len(key) for key in about)
    return "\n".join(f"{key.replace('_', ' '):<{width}}  {value}" for key, value in about.items())


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot write it: {error.strerror}") from error
