"""Filterbank and MFCC features, normalisation, and the store that processes share."""

from outergrad.features.extract import FrontEnd, extract
from outergrad.features.frontend import (
    FeatureConfig,
    FilterbankConfig,
    MfccConfig,
    compute_features,
    deltas,
    filterbank,
    mfcc,
    stack,
)
from outergrad.features.normalisation import Normalisation, Statistics, StatisticsAccumulator
from outergrad.features.store import FeatureStore, StoreWriter

__all__ = [
    "FeatureConfig",
    "FeatureStore",
    "FilterbankConfig",
    "FrontEnd",
    "MfccConfig",
    "Normalisation",
    "Statistics",
    "StatisticsAccumulator",
    "StoreWriter",
    "compute_features",
    "deltas",
    "extract",
    "filterbank",
    "mfcc",
    "stack",
]
