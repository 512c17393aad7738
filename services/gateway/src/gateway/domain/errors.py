"""The answers that are not a success, as OAuth and OpenID Connect name them."""


class OAuthError(Exception):
    """An error of RFC 6749 §4.1.2.1 / §5.2 or OpenID Connect Core §3.1.2.6; the description names the rule only."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, logged: str | None = None, challenge: str = "Bearer"
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        # The authentication scheme that a 401 names.
        self.challenge = challenge
        # A description may name a parameter as the caller did; the log may not.
        self.logged = description if logged is None else logged


class UnsafeRequest(Exception):
    """An authorization request whose client or redirect URI is not known: it is answered to the person, never redirected."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class LoginRefused(Exception):
    """A page or form of a login may not be used so; `reason` is snake_case and picks text and status."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
