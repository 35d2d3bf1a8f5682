"""Sequence criteria by enumeration: every path, its probability, its errors."""

import math
from collections.abc import Callable, Sequence

import numpy as np


def probabilities(paths: Sequence[object]) -> np.ndarray:
    scores = [path.score for path in paths]
    largest = max(scores)
    weights = np.array([math.exp(score - largest) for score in scores])
    return weights / math.fsum(weights)


def log_mass(scores: Sequence[float]) -> float:
    largest = max(scores)
    return largest + math.log(math.fsum(math.exp(score - largest) for score in scores))


def state_accuracy(
    reference: object, phone_of: np.ndarray, silences: Sequence[int], one_class: bool
) -> Callable[[object], int]:
    """Frames of a path with the reference's pdf."""

    def accuracy(path: object) -> int:
        right = 0
        for t, (pdf, transition) in enumerate(zip(path.pdfs, path.transitions, strict=True)):
            silent = phone_of[transition] in silences
            expected = phone_of[reference.transitions[t]] in silences
            if one_class:
                right += pdf == reference.pdfs[t] or (silent and expected)
            else:
                right += pdf == reference.pdfs[t] and not silent
        return right

    return accuracy


def phone_accuracy(
    reference: object, phone_of: np.ndarray, silences: Sequence[int], one_class: bool
) -> Callable[[object], int]:
    """Frames of a path with the reference's phone."""

    def accuracy(path: object) -> int:
        right = 0
        for t, transition in enumerate(path.transitions):
            phone, expected = phone_of[transition], phone_of[reference.transitions[t]]
            both = phone in silences and expected in silences
            if one_class:
                right += phone == expected or both
            else:
                right += phone == expected and phone not in silences
        return right

    return accuracy


def boost_errors(
    reference: object, phone_of: np.ndarray, silences: Sequence[int], silence_error: float
) -> Callable[[object], float]:
    """Frames of a path with another phone than the reference's."""

    def errors(path: object) -> float:
        total = 0.0
        for t, transition in enumerate(path.transitions):
            phone = phone_of[transition]
            if phone != phone_of[reference.transitions[t]]:
                total += silence_error if phone in silences else 1.0
        return total

    return errors


def expected_accuracy(
    paths: Sequence[object], accuracy: Callable[[object], int], num_frames: int, num_pdfs: int
) -> tuple[float, np.ndarray]:
    """E[A] and gamma_t(s) (E[A | s in frame t] - E[A])."""
    weights = probabilities(paths)
    amounts = np.array([accuracy(path) for path in paths], dtype=float)
    mean = math.fsum(weights * amounts)
    gradient = np.zeros((num_frames, num_pdfs))
    for weight, amount, path in zip(weights, amounts, paths, strict=True):
        for t, pdf in enumerate(path.pdfs):
            gradient[t, pdf] += weight * (amount - mean)
    return mean, gradient
