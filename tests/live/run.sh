#!/usr/bin/env bash
# Real servers: fetch them, play the clients, hold smtplogs' answer against what the clients saw.
# Needs root on Debian (namespaces, apt). Everything is under one folder, removed at the end; LIVE_CACHE keeps the packages,
# LIVE_KEEP the recordings. Traffic goes to loopback in namespaces of its own alone.
#   tests/live/run.sh [pytest options]
#   tests/live/run.sh drawn [SEED ...]    settings and sessions drawn at random instead, by these seeds (1)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d "${TMPDIR:-/tmp}/smtplogs-live.XXXXXX")
trap 'rm -rf "$work"' EXIT
cache=${LIVE_CACHE:-$work/cache}
out=${LIVE_KEEP:-$work/recordings}
mkdir -p "$cache" "$out"
status=0
if [ "${1:-}" = drawn ]; then
  shift
  export LIVE_SEEDS="${*:-1}"
  PYTHONPATH="$here" "$python" -m live.play "$cache" "$out" drawn || status=$?
  if [ "$status" = 3 ]; then exit 0; fi
  cd "$here/.."
  LIVE_RECORDINGS="$out" PYTHONPATH="$PWD" "$python" -m pytest -m live -n 0 -k drawn tests/live || exit $?
  exit "$status"
fi
PYTHONPATH="$here" "$python" -m live.play "$cache" "$out" || status=$?
if [ "$status" = 3 ]; then exit 0; fi
cd "$here/.."
PYTHONPATH="$PWD:$here" "$python" -m live.table "$out"
LIVE_RECORDINGS="$out" PYTHONPATH="$PWD" "$python" -m pytest -m live -n 0 -k "not drawn" tests/live "$@" || exit $?
exit "$status"
