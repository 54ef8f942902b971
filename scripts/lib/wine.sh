#!/usr/bin/env bash
# wine.sh PROGRAM.exe [ARGUMENT...]: runs a program of the Windows build under Wine, in a prefix of
# its own (WINEPREFIX, or build/windows-mingw/wine). scripts/test-windows keeps a wineserver for all;
# without one, each start brings its own, which leaves a few seconds after the last program.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export WINEPREFIX=${WINEPREFIX:-$root/build/windows-mingw/wine}
export WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES="mscoree=;mshtml="
mkdir -p "$WINEPREFIX"
exec /usr/lib/wine/wine64 "$@"
