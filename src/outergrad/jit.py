"""The one way kernels are compiled here: no GIL, cached on disk, strict floating point.

fastmath stays off because -inf is a legal score everywhere ("impossible") and fast mathematics
is free to assume that it never occurs. Bounds checks: `NUMBA_BOUNDSCHECK=1` when running tests.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile `function` with numba: nopython, nogil, cached."""
    return cast(F, numba.njit(nogil=True, cache=True)(function))
