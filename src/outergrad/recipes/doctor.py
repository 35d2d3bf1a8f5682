"""Is this machine ready? What is installed, what it has, and a short test of everything."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from outergrad import __version__

_CORE = (
    *("torch", "numpy", "numba", "kaldifst", "kaldi-native-fbank", "soundfile", "soxr"),
    *("rapidfuzz", "safetensors", "msgspec", "typer", "rich", "matplotlib"),
)
_EXTRAS = {
    "demo": ("espeakng-loader",),
    "ray": ("ray",),
    "onnx": ("onnx", "onnxruntime"),
    "kaldi": ("kaldi_native_io",),
    "lhotse": ("lhotse",),
    "tensorboard": ("tensorboard",),
}
_NEEDED_BYTES = 1 << 30


def examine(folder: Path, self_test: bool = True) -> dict[str, Any]:
    """Look at this machine.

    Args:
        folder: where runs would be written.
        self_test: decode, align and train something tiny.

    Returns:
        JSON values; ``problems`` is empty when everything is fine.
    """
    problems: list[str] = []
    packages = {name: _version(name) for name in _CORE}
    problems += [f"{name} is not installed" for name, found in packages.items() if found is None]
    report: dict[str, Any] = {
        "outergrad": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": packages,
        "extras": {
            extra: all(_version(name) is not None for name in names)
            for extra, names in _EXTRAS.items()
        },
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": _memory(),
        "disk_free_bytes": shutil.disk_usage(folder).free,
        "writable": {str(folder): _writable(folder), "kernel cache": _kernel_cache_writable()},
        "threads": _threads(),
        "gpu": _gpu(),
    }
    for name, good in report["writable"].items():
        if not good:
            problems.append(f"{name} cannot be written")
    if report["disk_free_bytes"] < _NEEDED_BYTES:
        problems.append(f"less than 1 GB is free in {folder}")
    if self_test and not problems:
        report["self_test"] = {}
        for name, test in _TESTS.items():
            start = time.monotonic()
            try:
                test()
                outcome = "ok"
            except Exception as error:
                # Whatever breaks here is what the user came to find out.
                outcome = f"{type(error).__name__}: {error}"
                problems.append(f"self-test {name}: {outcome}")
            took = round(time.monotonic() - start, 2)
            report["self_test"][name] = {"outcome": outcome, "seconds": took}
    report["problems"] = problems
    return report


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _writable(folder: Path) -> bool:
    probe = folder / f".outergrad-doctor-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def _kernel_cache_writable() -> bool:
    """numba keeps compiled kernels beside the sources, or where NUMBA_CACHE_DIR says, or in the
    user's cache; without any of these every start compiles again."""
    package = Path(__file__).parents[1]
    named = os.environ.get("NUMBA_CACHE_DIR")
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return any(_writable(f) for f in (Path(named) if named else package, home) if f.is_dir())


def _threads() -> dict[str, Any]:
    import torch

    named = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {
        "torch": torch.get_num_threads(),
        "environment": {name: os.environ[name] for name in named if name in os.environ},
    }


def _gpu() -> str | None:
    """Name of the first GPU, for sequence training with ``sequence.device=cuda``; None without."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _decode() -> None:
    """A graph of two words: its best path must be the word that the scores prefer."""
    from outergrad.corpus.lexicon import Lexicon, Pronunciation
    from outergrad.decoder.decoding import DecoderConfig, decode_words
    from outergrad.graph.compile import compile_graph
    from outergrad.graph.estimation import estimate
    from outergrad.hmm.model import HmmModel
    from outergrad.hmm.phones import PhoneTable
    from outergrad.lattice.paths import arc_occupancies, best_path

    lexicon = Lexicon({"yes": (Pronunciation(("Y",)),), "no": (Pronunciation(("N",)),)})
    hmm = HmmModel.monophone(PhoneTable.from_lexicon(lexicon))
    lm = estimate([("yes",), ("no",)], 1, "witten-bell", sorted(lexicon))
    graph = compile_graph(lm, lexicon, hmm)
    for word, phone in (("yes", "Y"), ("no", "N")):
        pdfs = [hmm.tying.pdfs(hmm.phones.id(phone), state)[0] for state in range(3)]
        scores = np.full((9, hmm.num_pdfs), -50.0, dtype=np.float32)
        for frame in range(9):
            scores[frame, pdfs[frame // 3]] = 0.0
        lattice = decode_words(graph, scores, DecoderConfig(acoustic_scale=1.0))
        found = [graph.words[number] for number in best_path(lattice).words]
        arc_occupancies(lattice)
        if found != [word]:
            raise RuntimeError(f"decoded {found} where {word} was said")


def _features() -> None:
    """A tone: the loudest filter must be the one at its pitch."""
    from outergrad.features.frontend import filterbank

    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    bins = filterbank(tone.astype(np.float32), 16_000).mean(axis=0)
    if not 10 < int(np.argmax(bins)) < 25:
        raise RuntimeError(f"the tone is in filter {int(np.argmax(bins))}")


def _network() -> None:
    """A gradient step must lower the loss."""
    import torch

    from outergrad.nnet.dnn import DnnConfig, build

    module = build(DnnConfig(input_dim=8, hidden_layers=1, hidden_units=16, num_pdfs=3), 1)
    x, y = torch.eye(8)[:3], torch.tensor([0, 1, 2])
    losses = []
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(module(x), y)
        losses.append(float(loss.detach()))
        module.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad, alpha=0.5)
    if not losses[1] < losses[0]:
        raise RuntimeError(f"loss {losses[0]:.3f} → {losses[1]:.3f}")


_TESTS: dict[str, Callable[[], None]] = {
    "features": _features,
    "decoder": _decode,
    "network": _network,
}
