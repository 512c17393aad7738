"""Decides by when a login must have its verdict."""

from kit.hour import Hour

VERDICT_DUE_MINUTES = 50


def verdict_due(hour: Hour, epoch: int) -> float:
    """Returns when a login of this epoch must have its verdict, in Unix seconds: its epoch's start and 50 minutes."""
    return hour.epoch_start(epoch) + hour.minutes(VERDICT_DUE_MINUTES)
