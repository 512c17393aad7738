"""Decides how a count is told to the outside: never so exactly that one login could be seen in it."""


def rounded(count: int) -> int:
    """0 stays 0, anything under 10 is told as 10, the rest to the nearest ten (halves up)."""
    if count <= 0:
        return 0
    return max(10, (count + 5) // 10 * 10)
