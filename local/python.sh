#!/bin/sh
# Runs `python -m local` with the arguments, in the checkout's own environment if that works, otherwise with a
# Python that can build it. PYTHON=... names one.
set -eu
cd "$(dirname "$0")/.."
# Compiled files halve the start of Airflow. make's own settings are not meant for what it starts.
unset PYTHONDONTWRITEBYTECODE MAKEFLAGS MFLAGS MAKELEVEL

suits='import sys
v = sys.version_info
if not (3, 11) <= v[:2] <= (3, 13):
    sys.exit("is Python %d.%d.%d" % v[:3])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("has no venv module (Debian and Ubuntu: apt install python%d.%d-venv)" % v[:2])'

if [ -n "${PYTHON:-}" ]; then
    if ! why=$("$PYTHON" -c "$suits" 2>&1); then
        case $why in 'is Python'* | 'has no venv'*) ;; *) why='cannot be run' ;; esac
        echo "PYTHON=$PYTHON $why. Name a Python 3.11, 3.12 or 3.13 with its venv module." >&2
        exit 1
    fi
    exec "$PYTHON" -m local "$@"
fi

if .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    exec .venv/bin/python -m local "$@"
fi

seen=''
for python in python3.13 python3.12 python3.11 python3 python "$HOME"/.pyenv/versions/3.1[321].*/bin/python3; do
    command -v "$python" >/dev/null 2>&1 || continue
    if why=$("$python" -c "$suits" 2>&1); then
        exec "$python" -m local "$@"
    fi
    case $why in *'is Python'* | *venv*) seen="$seen; $python $why" ;; esac
done
echo "No Python 3.11, 3.12 or 3.13 with its venv module was found${seen}. Install one, or name it: PYTHON=/path/to/python3.12" >&2
exit 1
