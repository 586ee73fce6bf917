#!/bin/sh
# make_venv.sh DIR: create the virtual environment DIR with $PYTHON, or say what is missing on this machine.
set -eu
venv=$1
python=${PYTHON:-python3}

fail() {
    echo "$1" >&2
    exit 1
}

if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi
command -v "$python" >/dev/null ||
    fail "No '$python' here. Install Python 3.11 or newer (apt-get install python3 python3-venv), or name one: make PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Python 3.11 or newer is needed. Name one with make PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot create virtual environments: apt-get install python3-venv"
echo "Creating $venv with $("$python" --version) ..."
rm -rf "$venv"
"$python" -m venv "$venv"
