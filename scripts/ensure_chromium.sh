#!/bin/sh
# Make sure there is a Chromium for the browser tests: install it with apt when that needs no password.
# Without one, say so; in CI (CI=true) that is a failure.
set -eu

found() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

if found >/dev/null; then
    exit 0
fi
if command -v apt-get >/dev/null; then
    if [ "$(id -u)" -eq 0 ]; then
        as_root='env'
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root='sudo -n env'
    else
        as_root=
    fi
    if [ -n "$as_root" ]; then
        echo "Installing Chromium with apt for the browser tests ..."
        # Two words on purpose: sudo and env.
        # shellcheck disable=SC2086
        $as_root apt-get update -qq >/dev/null &&
            $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
            echo "apt-get could not install Chromium." >&2
    fi
fi
if found >/dev/null; then
    exit 0
fi
cat >&2 <<'END'
**********************************************************************
  NO CHROMIUM: the browser tests cannot run and the page is UNTESTED.
  Install one with:  apt-get install chromium
**********************************************************************
END
[ "${CI:-}" != true ]
