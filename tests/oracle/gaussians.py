"""Gaussian likelihoods and decision-tree splits, written out frame by frame."""

import itertools
import math


def log_density(x, mean, variance):
    """log N(x; mean, diag variance)."""
    return sum(
        -0.5 * math.log(2.0 * math.pi * v) - (a - m) ** 2 / (2.0 * v)
        for a, m, v in zip(x, mean, variance, strict=True)
    )


def mixture_log_likelihood(x, weights, means, variances):
    """log Σ_g w_g N(x; μ_g, σ²_g), for numbers that exp can hold."""
    return math.log(
        sum(
            w * math.exp(log_density(x, m, v))
            for w, m, v in zip(weights, means, variances, strict=True)
        )
    )


def best_log_likelihood(frames):
    """Log-likelihood of `frames` under the Gaussian with their own mean and variance."""
    columns = list(zip(*frames, strict=True))
    mean = [sum(c) / len(c) for c in columns]
    variance = [sum((a - m) ** 2 for a in c) / len(c) for c, m in zip(columns, mean, strict=True)]
    return sum(log_density(x, mean, variance) for x in frames)


def best_binary_split(labelled, questions):
    """(gain, question) of the best question.

    Args:
        labelled: (label, frame) for each frame; labels are what the questions are about.
        questions: predicates of a label.
    """
    whole = best_log_likelihood([frame for _, frame in labelled])
    found = []
    for question in questions:
        yes = [frame for label, frame in labelled if question(label)]
        no = [frame for label, frame in labelled if not question(label)]
        if yes and no:
            gain = best_log_likelihood(yes) + best_log_likelihood(no) - whole
            found.append((gain, question))
    return max(found, key=lambda pair: pair[0])


def best_partition_loss(groups):
    """Smallest loss of merging two of `groups` of frames, and which two."""
    losses = {
        (i, j): best_log_likelihood(groups[i])
        + best_log_likelihood(groups[j])
        - best_log_likelihood(groups[i] + groups[j])
        for i, j in itertools.combinations(range(len(groups)), 2)
    }
    pair = min(losses, key=losses.__getitem__)
    return losses[pair], pair
