"""Frame error, as `criteria` counts it beside cross-entropy: for those who look for it here."""

from outergrad.criteria.frame_error import FrameErrors, frame_errors

__all__ = ["FrameErrors", "frame_errors"]
