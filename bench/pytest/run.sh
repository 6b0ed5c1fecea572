#!/usr/bin/env bash
# The yardstick: the standard trial as people write it today, in trials per second. Uses the server that Outlast
# fetched (or SERVER), and the image that Outlast imported or pulled (or IMAGE), so that both race on the same horse.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../../target}

venv=$target/bench-pytest
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r requirements.txt

race() { # FILE TRIALS
    for workers in 0 2 4; do
        summary=$(TRIALS=$2 "$venv/bin/pytest" -q -p no:cacheprovider -n "$workers" "$1" | tail -n 1 || true)
        echo "$summary" | awk -v name="$1" -v workers="$workers" '{
            for (i = 1; i <= NF; i++) { if ($i ~ /^passed/) passed = $(i - 1); if ($i ~ /^[0-9.]+s$/) seconds = $i + 0 }
            if (!passed || /failed|error/) { print name ": " $0; exit 1 }
            printf "%-18s -n %s  %5.1f trials/s (%d in %.1f s)\n", name, workers, passed / seconds, passed, seconds
        }'
    done
}

fetched=$target/servers/deb-redis-tools
if [ -z "${SERVER:-}" ]; then
    SERVER=$(command -v redis-server || true)
    if [ -z "$SERVER" ] && [ -x "$fetched/redis-server" ]; then
        SERVER=$fetched/redis-server
        export LD_LIBRARY_PATH=$fetched/lib
    fi
fi
if [ -n "$SERVER" ]; then
    export SERVER
    race test_process.py "${TRIALS:-200}"
else
    echo "test_process.py: skipped, no redis-server on PATH; \`cargo bench --bench trials\` fetches one"
fi

find_image='
import docker
images = docker.from_env().images
found = images.list(name="redis:7.0.15-alpine") + images.list(name="outlast/local-redis-7-0")
print(found[0].id if found else "")'
IMAGE=${IMAGE:-$("$venv/bin/python" -c "$find_image" 2> /dev/null || true)}
if [ -n "$IMAGE" ]; then
    # Its reaper is an image of its own, which may not be there; containers are removed by the tests themselves.
    export IMAGE TESTCONTAINERS_RYUK_DISABLED=true
    race test_container.py "${TRIALS:-24}"
else
    echo "test_container.py: skipped, no engine answers or it has no image; \`cargo bench --bench trials\` makes one"
fi
