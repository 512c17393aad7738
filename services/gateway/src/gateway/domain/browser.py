"""What the asking browser looks like, in two words; shown on the phone so that a relayed request is noticed."""

_FAMILIES = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_MAX_USER_AGENT = 512


def browser_of(user_agent: str) -> tuple[str, str]:
    """Returns family and system, each from a closed list or empty; nothing else of the user agent is kept."""
    shown = user_agent[:_MAX_USER_AGENT]
    family = next((name for mark, name in _FAMILIES if mark in shown), "")
    system = next((name for mark, name in _SYSTEMS if mark in shown), "")
    return family, system
