"""The sequence criteria as losses for anybody's training loop in torch."""

from outergrad.losses.sequence import BoostedMMILoss, Failure, MMILoss, MPELoss, SMBRLoss

__all__ = ["BoostedMMILoss", "Failure", "MMILoss", "MPELoss", "SMBRLoss"]
