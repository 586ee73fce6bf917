#!/bin/sh
# Write constraints.txt: name==version of everything that the project and its development tools install in a clean environment.
# Pins that are there stay as they are; UPGRADE=1 lifts all but torch, which is chosen by hand.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

if [ -n "${UPGRADE:-}" ]; then
    grep '^torch==' constraints.txt >"$work/kept.txt"
else
    cp constraints.txt "$work/kept.txt"
fi
sh scripts/make_venv.sh "$work/venv"
echo "Resolving ..."
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$work/kept.txt" --editable ".[dev]"
# Local versions (torch's +cpu) belong to a machine, not to the project; pip itself is not ours to pin.
"$work/venv/bin/python" -m pip freeze --all --exclude-editable --exclude pip --exclude wheel >"$work/frozen.txt"
sed -n 's/^\([A-Za-z0-9._-]*==[^+ ]*\).*$/\1/p' "$work/frozen.txt" >constraints.txt
echo "constraints.txt: $(wc -l <constraints.txt) packages"
