"""Generates proto/src/shirushi from proto/shirushi/**/*.proto; `--check` only says whether it is up to date."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "proto"
TARGET = ROOT / "proto" / "src"
PACKAGE_TEXT = '"""Generated from {}/*.proto by tools/protos.py; do not edit."""\n'
# Written by hand or by other tools.
FOREIGN = {"__init__.py", "py.typed", "rights.py"}

# protoc-gen-grpc_python would write an empty module for a file without services; mypy-protobuf does.
_SERVICE = re.compile(r"^service\s+\w+", re.MULTILINE)


def generate(into: Path) -> None:
    """Write everything below `into`."""
    files = sorted((SOURCES / "shirushi").rglob("*.proto"))
    names = [str(path.relative_to(SOURCES)) for path in files]
    with_services = [name for name, path in zip(names, files, strict=True) if _SERVICE.search(path.read_text())]
    _protoc(into, names, "--python_out={}", "--mypy_out=quiet:{}")
    _protoc(into, with_services, "--grpc_python_out={}", "--mypy_grpc_out=quiet:{}")
    for folder in sorted({path.parent.relative_to(SOURCES) for path in files}):
        for package in (folder, *folder.parents):
            if package.parts[:1] == ("shirushi",) and len(package.parts) > 1:
                (into / package / "__init__.py").write_text(PACKAGE_TEXT.format(package))


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python tools/protos.py [--check]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        generate(fresh)
        wanted = {path.relative_to(fresh): path.read_bytes() for path in fresh.rglob("*") if path.is_file()}
    present = {
        path.relative_to(TARGET)
        for path in (TARGET / "shirushi").rglob("*.py*")
        if path.is_file() and path.suffix in {".py", ".pyi"} and path.name not in FOREIGN
    }
    stale = [name for name, content in wanted.items() if _content(TARGET / name) != content]
    extra = sorted(present - set(wanted))
    if arguments:
        for name in (*stale, *extra):
            print(f"out of date, run `make proto`: proto/src/{name}", file=sys.stderr)
        return 1 if stale or extra else 0
    for name in stale:
        (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
        (TARGET / name).write_bytes(wanted[name])
    for name in extra:
        (TARGET / name).unlink()
    return 0


def _protoc(into: Path, names: list[str], *outputs: str) -> None:
    # The plugins stand beside the interpreter, wherever the caller's PATH points.
    plugins = [
        f"--plugin={name}={Path(sys.executable).with_name(name)}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    ]
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    command = ["protoc", f"-I{SOURCES}", f"-I{well_known}", *plugins, *(text.format(into) for text in outputs), *names]
    if protoc.main(command):
        raise subprocess.SubprocessError("protoc failed")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
