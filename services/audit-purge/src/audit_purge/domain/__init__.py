"""What audit-purge decides: when keys die, what is recorded for the hour, and what a purge receipt says."""
