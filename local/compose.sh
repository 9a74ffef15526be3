#!/bin/sh
# Builds and starts the stack of docker-compose.yaml, and returns when it is healthy. Needs Docker with Compose
# 2.20 or newer, and no Python. The first time, it generates keys and passwords in secrets/.
# PROFILES=pgadmin,mirror starts these as well. They are kept in .env until others are named.
set -eu
cd "$(dirname "$0")/.."

secrets='fernet_key api_secret jwt_secret metadata_password warehouse_password airflow_password pgadmin_password grafana_reader_password'

fail() {
    echo "$*" >&2
    exit 1
}

# The value of a setting, from the environment or else from .env, which an editor on Windows may have saved
setting() {
    eval "value=\${$1:-}"
    [ -n "$value" ] || value=$(sed -n "s/^$1=//p" .env 2>/dev/null | tr -d '\r' | tail -n 1 | sed "s/^'\(.*\)'$/\1/")
    printf '%s' "$value"
}

# Writes a setting to .env, in place of its line if it has one.
keep() {
    awk -v name="$1" -v value="$2" '
        $0 ~ "^#?" name "=" { if (!done) print name "=" value; done = 1; next }
        { print }
        END { if (!done) print name "=" value }
    ' .env >.env.new
    mv .env.new .env
}

# Whether a profile is selected
asked() {
    case ",$profiles," in *",$1,"*) true ;; *) false ;; esac
}

# So many random bytes as letters, digits, - and _
random() {
    head -c "$1" /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'
}

check_docker() {
    command -v docker >/dev/null || fail 'The program docker is not on the PATH. Install Docker, or use make demo, which does not need it.'
    version=$(docker compose version --short 2>/dev/null) || version=''
    case ${version#v} in
        '') fail 'Docker has no Compose here. Install the plugin docker-compose (docker compose version shows it).' ;;
        1.* | 2.[0-9] | 2.[0-9].* | 2.1[0-9] | 2.1[0-9].*) fail 'This Compose is older than 2.20. Install a newer plugin docker-compose.' ;;
    esac
    docker version >/dev/null 2>&1 || fail 'The Docker engine does not answer. Start it (docker version shows the error).'
}

# The containers run as another user. On Linux, that user reads the checkout with the permissions of others.
check_readable() {
    [ "$(uname)" = Linux ] || return 0
    hidden=$(find compose dags dbt_project entrypoint.sh include local plugins requirements -name __pycache__ -prune \
        -o \( -type d ! -perm -005 -o -type f ! -perm -004 \) -print 2>/dev/null | head -n 1) || true
    [ -z "$hidden" ] || fail "The containers cannot read $hidden. Run chmod -R go=rX compose dags dbt_project entrypoint.sh include local plugins requirements"
}

# Compose silently ignores a profile that does not exist.
check_profiles() {
    known=$(cat docker-compose.yaml compose/*/compose.yaml 2>/dev/null | sed -n 's/^ *profiles: \[\(.*\)\]$/\1/p' | tr -s ', ' '\n' | sort -u | tr '\n' ' ')
    for profile in $(echo "$profiles" | tr ',' ' '); do
        case " $known" in
            *" $profile "*) ;;
            *) fail "There is no profile $profile. Choose from: ${known% }" ;;
        esac
    done
}

# Generates the keys and passwords that are missing, each in its own file, which containers can read. Other
# users of this machine cannot, because they cannot enter the folder.
make_secrets() {
    missing=''
    for name in $secrets; do
        [ -s "secrets/$name" ] || missing="$missing $name"
    done
    if [ -n "$missing" ]; then
        project=$(setting COMPOSE_PROJECT_NAME)
        project=${project:-nyc-taxi}
        volumes=$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project" | tr '\n' ' ')
        [ -z "$volumes" ] || fail "The stack $project has data, but the folder secrets lacks its${missing}. Restore the folder that it was created with." \
            "If the data is another checkout's, copy .env.example to .env, and set another COMPOSE_PROJECT_NAME, AIRFLOW_PORT and WAREHOUSE_PORT there." \
            "Or remove the data: docker rm --force \$(docker ps --all --quiet --filter label=com.docker.compose.project=$project); docker volume rm $volumes"
        mkdir -p secrets
    fi
    chmod 700 secrets
    for name in $missing; do
        case $name in
            fernet_key) random 32 ;;
            airflow_password | pgadmin_password) random 12 ;;
            *) random 48 ;;
        esac >"secrets/$name"
    done
    for name in $secrets; do
        chmod 644 "secrets/$name"
    done
}

# Writes the profiles to .env, so that plain docker compose knows them, and the settings that follow from them.
follow_profiles() {
    [ -z "${PROFILES:-}" ] || keep COMPOSE_PROFILES "$profiles"
    if asked mirror; then
        if [ -z "$(setting NYC_TAXI_SOURCES)" ]; then
            keep NYC_TAXI_SOURCES "$mirror"
            keep NYC_TAXI_PRODUCTS_URL "$mirror"
        fi
    elif [ "$(setting NYC_TAXI_SOURCES)" = "$mirror" ]; then
        keep NYC_TAXI_SOURCES ''
        keep NYC_TAXI_PRODUCTS_URL ''
    fi
    if asked gcp; then
        if [ -z "$(setting NYC_TAXI_BIGQUERY_PROJECT)" ]; then
            for line in $emulators; do
                keep "${line%%=*}" "${line#*=}"
            done
        fi
    elif [ "$(setting NYC_TAXI_BIGQUERY_ENDPOINT)" = "$bigquery" ]; then
        for line in $emulators; do
            keep "${line%%=*}" ''
        done
    fi
    if asked observability; then
        keep NYC_TAXI_METRICS True
    elif [ "$(setting NYC_TAXI_METRICS)" = True ]; then
        keep NYC_TAXI_METRICS False
    fi
}

# Removes the containers of other profiles, which docker compose would ignore, even at down.
leave_others() {
    wanted=$(docker compose config --services)
    others=$(COMPOSE_PROFILES=$(echo "$known" | tr ' ' ',') docker compose config --services \
        | grep -Fxv "$wanted" | grep -Fx "$(docker compose ps --all --services)" | tr '\n' ' ') || true
    # shellcheck disable=SC2086  # a list of names
    [ -z "$others" ] || docker compose rm --stop --force $others
}

# Shows the last output of each service that failed, and the ports that other programs use. Where none did,
# the error is the one that Compose has printed, such as an image that cannot be pulled.
explain() {
    failed=$(docker compose ps --all --format '{{.Service}} {{.State}} {{.ExitCode}} {{.Health}}' 2>/dev/null \
        | awk '$2 == "restarting" || $2 == "exited" && $3 != 0 || $4 == "unhealthy" { print $1 }') || true
    for service in $failed; do
        printf 'The last output of %s:\n%s\n' "$service" "$(docker compose logs --no-log-prefix --tail 5 "$service" 2>&1)" >&2
    done
    # shellcheck disable=SC2046  # a list of ids
    taken=$(docker inspect --format '{{.State.Error}}' $(docker compose ps --all --quiet) 2>/dev/null \
        | grep -E 'in use|already allocated|not available' | grep -Eo '127\.0\.0\.1:[1-9][0-9]*' | sort -u) || true
    for port in $taken; do
        echo "Another program uses the port $port. Set another one in .env, in the line of that port (…_PORT)." >&2
    done
}

mirror=http://mirror:8000
bigquery=http://bigquery:9050
emulators="NYC_TAXI_WAREHOUSES=postgres,bigquery NYC_TAXI_BIGQUERY_PROJECT=nyc-taxi NYC_TAXI_BIGQUERY_BUCKET=taxi
    NYC_TAXI_BIGQUERY_STORAGE_ENDPOINT=http://gcs:4443 NYC_TAXI_BIGQUERY_ENDPOINT=$bigquery"
profiles=${PROFILES:-$(setting COMPOSE_PROFILES)}
profiles=$(echo "$profiles" | tr -d ' ')
export COMPOSE_PROFILES="$profiles"
check_docker
check_readable
check_profiles
make_secrets
[ -f .env ] || cp .env.example .env
follow_profiles
leave_others
if ! docker compose up --detach --build --wait; then
    explain
    [ -n "$failed" ] || fail 'The stack was not started. The error is the last one above.'
    fail 'The stack is not healthy. docker compose logs NAME shows more of a service.'
fi
docker compose logs --no-log-prefix init 2>/dev/null | grep '^Attention:' || true
echo "Airflow runs at http://localhost:$(docker compose port api-server 8080 | sed 's/.*://')"
case $missing in
    *airflow_password*) echo "Log in as admin with the password $(cat secrets/airflow_password), which is in secrets/airflow_password and is not shown again." ;;
    *) echo 'Log in as admin with the password in secrets/airflow_password.' ;;
esac
if asked pgadmin; then
    email=$(setting PGADMIN_EMAIL)
    echo "pgAdmin runs at http://localhost:$(docker compose port pgadmin 8080 | sed 's/.*://')"
    echo "Log in as ${email:-admin@example.com} with the password in secrets/pgadmin_password."
fi
