"""Pins every dependency of the workspace with hashes in requirements.lock: names and versions only, no addresses."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"


def third_party() -> list[str]:
    """Return what the workspace asks for, without its own packages: those are installed from this checkout."""
    asked: set[str] = set()
    for file in (ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")):
        project = tomllib.loads(file.read_text())
        asked.update(project["project"]["dependencies"])
        for extra in project["project"].get("optional-dependencies", {}).values():
            asked.update(extra)
        for group in project.get("dependency-groups", {}).values():
            asked.update(group)
    return sorted(name for name in asked if not name.startswith("shirushi-"))


def main() -> None:
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    command = ["uv", "pip", "compile", "-", "--universal", "--python-version", "3.11", "--generate-hashes"]
    quiet = ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", *command, *quiet, *upgrade, "--output-file", str(LOCK)],
        input="\n".join(third_party()),
        text=True,
        check=True,
    )
    print(f"{LOCK.name}: {sum('==' in line for line in LOCK.read_text().splitlines())} packages")


if __name__ == "__main__":
    main()
