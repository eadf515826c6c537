#!/usr/bin/env bash
# The Dockerfile's steps without Docker: a fresh environment, only the files that the image would hold, its start command
# and its health check. Prints the memory that the server took. Usage: deploy/try_lite.sh [MODELS] [PORT]
set -euo pipefail
cd "$(dirname "$0")/.."
models=${1:-models} port=${2:-8501}
place=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$place"' EXIT

mkdir "$place/app"
cp -r .streamlit streamlit_app.py garbage_core garbage_app pages "$place/app/"
cp -r "$models" "$place/app/models"
find "$place/app/models" -name model.keras -delete
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --no-cache-dir -r requirements-lite.txt

cd "$place/app"
# A gigabyte of data (heap and private mappings): an address limit would also count what is reserved and never used.
(
    ulimit -d 1048576
    MALLOC_ARENA_MAX=2 exec "$place/venv/bin/streamlit" run streamlit_app.py \
        --server.address=127.0.0.1 --server.port="$port" --server.headless=true
) &
server=$!
for _ in $(seq 60); do
    sleep 1
    if python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/_stcore/health', timeout=4)" \
        2>/dev/null; then
        echo "healthy"
        break
    fi
done
echo "Open http://127.0.0.1:$port, try the pages, then press Enter."
read -r _ || true
grep -E "VmHWM|VmRSS" "/proc/$server/status"
