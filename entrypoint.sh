#!/usr/bin/env bash
# Prepares Airflow, or starts a part of it once that is done. The same on a laptop, in compose and in pods.
set -euo pipefail
# In a container the next user may be another one of group 0.
[ "$(id -g)" != 0 ] || umask 0002

case "${1:-}" in
    '')
        cat >&2 <<USAGE
Usage: $0 COMMAND
  init [FOLDER] [--wait SECONDS]   database, pools, connections, variables, warehouse; can be run again
  api-server | scheduler | dag-processor | triggerer | any other airflow command, once init is complete
  alive PART                       whether scheduler, dag-processor or triggerer is at work on this host
  bash | sh | python | dbt         as they are
USAGE
        exit 2
        ;;
    init)
        shift
        case "${1:-}" in
            '' | -*) set -- "$(dirname "$0")/include/bootstrap" "$@" ;;
        esac
        exec python -m nyc_taxi.deploy init "$@"
        ;;
    alive) exec python -m nyc_taxi.deploy "$@" ;;
    dbt)
        shift
        exec "${AIRFLOW__NYC_TAXI__DBT_PROGRAM:-dbt}" "$@"
        ;;
    bash | sh | python) exec "$@" ;;
    airflow) shift ;;
esac
exec python -m nyc_taxi.deploy run "$@"
