#!/usr/bin/env bash
# Sets up Airflow, or starts one of its components once that is done. The same on a laptop, in compose and in pods.
set -euo pipefail
# In a container, the next user may be another one of group 0.
[ "$(id -g)" != 0 ] || umask 0002

# libpq refuses a password file that other users can read, such as a mounted secret. The copy that the start of a
# container writes also serves its health checks, and commands that do not come through here.
if [ -n "${METADATA_PASSWORD_FILE:-}" ] && [ "${1:-}" != health ]; then
    : "${PGPASSFILE:?Set it to the file into which the password of METADATA_PASSWORD_FILE is to be written}"
    (umask 077 && sed 's/[\\:]/\\&/g; s/^/*:*:*:*:/' "$METADATA_PASSWORD_FILE" >"$PGPASSFILE.$$")
    mv "$PGPASSFILE.$$" "$PGPASSFILE"
fi

case "${1:-}" in
    '')
        cat >&2 <<USAGE
Usage: $0 COMMAND
  init [FOLDER] [--wait SECONDS]  set up database, pools, connections, variables and warehouse; may be repeated
  api-server | scheduler | dag-processor | triggerer | any other airflow command: waits for init, then runs it
  health COMPONENT                check the scheduler, dag-processor or triggerer of this host
  transform COMMAND               run dbt (build, freshness or docs) without Airflow's database
  bash | sh | python | dbt        run it without waiting
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
    health) exec python -m nyc_taxi.deploy "$@" ;;
    transform)
        shift
        exec python -m nyc_taxi.deploy transform "$(dirname "$0")/include/bootstrap" "$@"
        ;;
    dbt)
        shift
        exec "${AIRFLOW__NYC_TAXI__DBT_PROGRAM:-dbt}" "$@"
        ;;
    bash | sh | python) exec "$@" ;;
    airflow) shift ;;
esac

# For development: end this component when its code changes, so that the container is restarted.
case "${NYC_TAXI_RELOAD:-0}:${1:-}" in
    1:api-server | 1:dag-processor | 1:scheduler | 1:triggerer)
        # At its own start, watchfiles runs the command with an empty list of changes. Airflow now and then
        # swallows a signal, so it is repeated until the component has ended.
        watchfiles --verbosity warning \
            "sh -c '[ \"\$WATCHFILES_CHANGES\" = \"[]\" ] || while kill $$ 2>/dev/null; do sleep 5; done'" \
            "${AIRFLOW__CORE__PLUGINS_FOLDER:-${AIRFLOW_HOME:-$HOME/airflow}/plugins}" &
        ;;
esac
exec python -m nyc_taxi.deploy start "$@"
