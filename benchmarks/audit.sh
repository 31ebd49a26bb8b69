#!/usr/bin/env bash
# Known vulnerabilities in what a fresh install would bring; run by hand before a release, needs pip-audit and a network.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v pip-audit >/dev/null || { echo "pip-audit is not installed: pip install pip-audit" >&2; exit 2; }
# --strict: a dependency that the advisory service does not know is not one without advisories
exec pip-audit --strict --progress-spinner off "${@:-.}"
