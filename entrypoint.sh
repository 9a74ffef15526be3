#!/usr/bin/env bash
# Starts one part of Airflow, or prepares what all parts need. The same on a laptop, in compose and in pods.
#
#   entrypoint.sh bootstrap [FOLDER] [--wait SECONDS]   database, pools, connections, variables
#   entrypoint.sh api-server | scheduler | dag-processor | triggerer | any other airflow command
set -euo pipefail

case "${1:-}" in
    '')
        echo "Usage: $0 bootstrap | api-server | scheduler | dag-processor | triggerer | (an airflow command)" >&2
        exit 2
        ;;
    bootstrap)
        shift
        case "${1:-}" in
            '' | -*) set -- "$(dirname "$0")/include/bootstrap" "$@" ;;
        esac
        exec python -m nyc_taxi.bootstrap "$@"
        ;;
    *)
        exec airflow "$@"
        ;;
esac
