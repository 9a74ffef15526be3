#!/usr/bin/env bash
# Prepares Airflow, or starts a part of it once that is done. The same on a laptop, in compose and in pods.
set -euo pipefail

case "${1:-}" in
    '')
        cat >&2 <<USAGE
Usage: $0 COMMAND
  init [FOLDER] [--wait SECONDS]   database, pools, connections, variables, warehouse; can be run again
  api-server | scheduler | dag-processor | triggerer | any other airflow command, once init is complete
  bash | sh | python | dbt         as they are
USAGE
        exit 2
        ;;
    init)
        shift
        case "${1:-}" in
            '' | -*) set -- "$(dirname "$0")/include/bootstrap" "$@" ;;
        esac
        exec python -m nyc_taxi.bootstrap init "$@"
        ;;
    dbt)
        shift
        exec "${AIRFLOW__NYC_TAXI__DBT_PROGRAM:-dbt}" "$@"
        ;;
    bash | sh | python) exec "$@" ;;
    airflow) shift ;;
esac
exec python -m nyc_taxi.bootstrap run "$@"
