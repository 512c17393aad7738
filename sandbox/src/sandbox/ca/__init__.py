"""A certification authority that clones the JPKI profile closely enough that a verifier cannot tell, but for its roots."""

from pathlib import Path


def ensure(state: Path) -> None:
    """Makes, once, everything that the sandbox trusts and holds: roots in `<state>/trust`, keys and cards in `<state>/ca`."""
    # Imported here because the supervisor imports this package to do many other things.
    from sandbox import cards  # noqa: PLC0415
    from sandbox.ca import authority  # noqa: PLC0415

    cards.ensure(state, authority.ensure(state))
