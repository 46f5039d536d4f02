#!/usr/bin/env bash
# Run a command where `docker compose` works: scripts/with_docker.sh COMMAND...
# Uses the engine of this machine; else, for root on Debian, the private one of the developers' shared folder beside
# the checkout; else says why not and succeeds.
set -euo pipefail

works() { docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; }

if works; then exec "$@"; fi

engine=${SHARED_DIR:-../shared}/tools/docker-engine.sh
if [ ! -f "$engine" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "SKIPPED, because no docker engine with the compose plugin is here: $*" >&2
    exit 0
fi
exports=$(timeout 300 bash "$engine" up) || {
    echo "SKIPPED, because the private docker engine did not start: $*" >&2
    exit 0
}
trap 'bash "$engine" down || true' EXIT
eval "$exports"
timeout 600 bash "$engine" base
"$@"
