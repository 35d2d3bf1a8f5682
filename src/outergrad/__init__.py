"""Asynchronous sequence training of hybrid DNN/HMM acoustic models with on-the-fly lattices."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outergrad.losses import BoostedMMILoss, MMILoss, MPELoss, SMBRLoss

__version__ = "0.1.0"
__all__ = ["BoostedMMILoss", "MMILoss", "MPELoss", "SMBRLoss", "__version__"]


def __getattr__(name: str) -> Any:
    """The losses, imported when they are asked for: importing this package loads no torch."""
    if name in __all__:
        from outergrad import losses

        return getattr(losses, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
