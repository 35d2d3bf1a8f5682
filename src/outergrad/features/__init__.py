"""Filterbank and MFCC features, normalisation, and the store that processes share."""

from outergrad.features.extract import FrontEnd, extract, store_features
from outergrad.features.frontend import (
    FeatureConfig,
    FilterbankConfig,
    GivenConfig,
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
    "GivenConfig",
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
    "store_features",
]
