"""The hour that everything about a login lives, and the minutes (epochs) in it. All lives scale by its length."""

from dataclasses import dataclass

EPOCHS_AN_HOUR = 60
KEYS_DIE_AFTER_MINUTES = 59.5
CREDENTIALS_END_AFTER_MINUTES = 58
# A clock that is further behind the time that keys die by was wrong, now or before, and all keys are destroyed. Up to here
# keys only die earlier by that much: it would take the last minutes of some logins, and destroying takes all of them.
CLOCK_BEHIND_MINUTES = 3


@dataclass(frozen=True, slots=True)
class Hour:
    """How many seconds an hour lasts; 3600 in operation, less where a test wants to wait really."""

    seconds: float = 3600.0

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError("an hour must be longer than nothing")

    @property
    def epoch_seconds(self) -> float:
        """The length of an epoch in seconds."""
        return self.seconds / EPOCHS_AN_HOUR

    def epoch_of(self, t: float) -> int:
        """Return the epoch in which Unix time `t` lies."""
        return int(t // self.epoch_seconds)

    def epoch_start(self, epoch: int) -> float:
        """Return the Unix time at which an epoch begins."""
        return epoch * self.epoch_seconds

    def key_deadline(self, epoch: int) -> float:
        """Return when the keys of an epoch are destroyed everywhere: its start and 59:30."""
        return self.epoch_start(epoch) + self.minutes(KEYS_DIE_AFTER_MINUTES)

    def credential_deadline(self, epoch: int) -> float:
        """Return when the last credential of a login of this epoch ends: its start and 58:00."""
        return self.epoch_start(epoch) + self.minutes(CREDENTIALS_END_AFTER_MINUTES)

    def minutes(self, n: float) -> float:
        """Return `n` minutes of this hour in real seconds."""
        return n * self.seconds / EPOCHS_AN_HOUR
