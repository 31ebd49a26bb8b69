#!/usr/bin/env bash
# The slow tier: quality on many simulated sites, every scenario, more mutations. About a quarter of an hour; not part of .ci/run.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${PYTHON:-python}" -m pytest -q -n auto -m slow "$@"
