#!/usr/bin/env bash
# Makes .venv with everything in it, and fetches what the sandbox starts. Does nothing, quickly, when nothing changed.
#   tools/setup.sh            for everything but browser tests
#   tools/setup.sh browser    Chromium and Japanese fonts as well
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

apt_updated=
# install "<why>" package...: through apt where that is possible, else clear words.
install() {
    local why=$1; shift
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        fail "$why: please install $* (on Debian as root: apt-get install $*) and run this again"
    fi
    say "$why: installing $*"
    if [ -z "$apt_updated" ]; then
        apt-get update -qq
        apt_updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The distribution's Python comes first: it is built with profile-guided optimisation, and one that somebody built
# themselves (pyenv's, for example) often is not, which costs a third of every service's speed.
python_for_venv() {
    local candidate
    for candidate in "${PYTHON:-/usr/bin/python3}" python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    python=$(python_for_venv) || { install "Python 3.11 or newer is needed" python3 python3-venv; python=$(python_for_venv); } \
        || fail "no Python 3.11 or newer here; set PYTHON to one"
    # Debian splits ensurepip off into a package of its own.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install "venv is missing from this Python" python3-venv
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
}

install_python_packages() {
    [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null || make_venv
    say "installing Python packages (a few minutes the first time)"
    # Two commands, because hashes and editable installs exclude each other in one.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
        --root-user-action=ignore --require-hashes -r requirements.lock
    local package own=()
    for package in proto kit services/*/ sandbox; do
        own+=(--editable "./${package%/}")
    done
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --no-build-isolation "${own[@]}"
}

# library "<who>" <file> <package>: a shared library that a downloaded program links against.
library() {
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q "$2" || install "$1 needs $2" "$3"
}

prepare_servers() {
    library mongod libcurl.so.4 libcurl4
    library mongod libssl.so.3 libssl3
    command -v setpriv >/dev/null || install "the supervisor needs setpriv" util-linux
    if ! .venv/bin/python -m sandbox.kafka --fetched && ! command -v mvn >/dev/null; then
        install "Kafka comes through Maven" maven
    fi
    .venv/bin/python -m sandbox.kafka
}

prepare_browser() {
    command -v chromium >/dev/null || install "browser tests need Chromium" chromium
    library "Playwright's driver" libatomic.so.1 libatomic1
    # Without these, pictures of Japanese pages are full of empty boxes.
    fc-list :lang=ja 2>/dev/null | grep -q . || install "browser tests need Japanese fonts" fonts-noto-cjk fontconfig
}

stamp=.venv/.shirushi-setup
wanted=$(cat requirements.lock pyproject.toml ./*/pyproject.toml services/*/pyproject.toml tools/setup.sh sandbox/kafka/* | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted$PWD" ]; then
    install_python_packages
    prepare_servers
    printf '%s' "$wanted$PWD" > "$stamp"
elif ! .venv/bin/python -m sandbox.kafka --fetched; then
    prepare_servers  # The cache was emptied since.
fi
if [ "${1:-}" = browser ]; then
    prepare_browser
fi
