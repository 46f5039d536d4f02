#!/usr/bin/env bash
# All combinations of the compose files that are used, checked for form; needs the compose plugin, but no engine.
set -euo pipefail
if ! docker compose version >/dev/null 2>&1; then
    echo "compose files not checked: no docker command with the compose plugin here"
    exit 0
fi
cpu=(--file docker-compose.yml)
gpu=("${cpu[@]}" --file docker-compose.gpu.yml)
docker compose --env-file /dev/null "${cpu[@]}" config --quiet
docker compose --env-file /dev/null "${gpu[@]}" config --quiet
GPUS=1 WEIGHTS=/somewhere docker compose --env-file /dev/null "${gpu[@]}" config --quiet
COMPOSE_FILE=docker-compose.yml:docker-compose.gpu.yml docker compose --env-file .env.example config --quiet
echo "compose files are valid"
