#!/bin/sh
# Builds and starts the stack of docker-compose.yaml, and returns when all of it is healthy.
# The first time, it makes .env with keys and passwords of its own. Needs Docker with Compose v2, and no Python.
# PROFILES=pgadmin,mirror starts these as well, and .env remembers them.
set -eu
cd "$(dirname "$0")/.."

secrets='AIRFLOW_FERNET_KEY AIRFLOW_API_SECRET AIRFLOW_JWT_SECRET METADATA_PASSWORD WAREHOUSE_PASSWORD AIRFLOW_PASSWORD'

fail() {
    echo "$*" >&2
    exit 1
}

# The value of a setting: the environment's, else the one in .env
setting() {
    eval "value=\${$1:-}"
    [ -n "$value" ] || value=$(sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1)
    printf '%s' "$value"
}

# Write a setting into .env, in the place of the line that it has there, if any.
keep() {
    umask 077
    awk -v name="$1" -v value="$2" '
        $0 ~ "^#?" name "=" { if (!done) print name "=" value; done = 1; next }
        { print }
        END { if (!done) print name "=" value }
    ' .env >.env.new
    mv .env.new .env
}

# Whether a profile is asked for
asked() {
    case ",$profiles," in *",$1,"*) true ;; *) false ;; esac
}

# So many random bytes in letters, digits, - and _
random() {
    head -c "$1" /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'
}

check_docker() {
    command -v docker >/dev/null || fail 'The program docker is not on the PATH: install Docker, or use make demo, which needs none.'
    case $(docker compose version --short 2>/dev/null) in
        '') fail 'Docker has no Compose v2 here: install the plugin docker-compose (docker compose version shows it).' ;;
        v1.* | 1.*) fail 'This is Compose v1; v2 is needed: install the plugin docker-compose.' ;;
    esac
    docker version >/dev/null 2>&1 || fail 'The Docker engine does not answer: start it (docker version says what is wrong).'
}

# Compose starts nothing for a profile that does not exist, and says nothing.
check_profiles() {
    known=$(cat docker-compose.yaml compose/*/compose.yaml 2>/dev/null | sed -n 's/^ *profiles: \[\(.*\)\]$/\1/p' | tr -s ', ' '\n' | sort -u | tr '\n' ' ')
    for profile in $(echo "$profiles" | tr ',' ' '); do
        case " $known" in
            *" $profile "*) ;;
            *) fail "There is no profile $profile; there are: ${known% }" ;;
        esac
    done
}

# Make .env when there is none, and add the keys and passwords that it lacks.
fill_in() {
    if asked pgadmin; then secrets="$secrets PGADMIN_PASSWORD"; fi
    missing=''
    for name in $secrets; do
        [ -n "$(setting "$name")" ] || missing="$missing $name"
    done
    [ -n "$missing" ] || return 0
    project=$(setting COMPOSE_PROJECT_NAME)
    project=${project:-nyc-taxi}
    # What a profile adds to an older stack hinders only that profile's own data.
    case $missing in ' PGADMIN_PASSWORD') volume=pgadmin ;; *) volume='' ;; esac
    volumes=$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project" \
        ${volume:+--filter "label=com.docker.compose.volume=$volume"} | tr '\n' ' ')
    [ -z "$volumes" ] || fail "The stack $project has data, but .env does not say its${missing}. Bring back the .env that it was made with," \
        "or remove the data: docker rm --force \$(docker ps --all --quiet --filter label=com.docker.compose.project=$project); docker volume rm $volumes"
    [ -f .env ] || (umask 077 && cp .env.example .env.new && mv .env.new .env)
    for name in $missing; do
        case $name in
            AIRFLOW_FERNET_KEY) keep "$name" "$(random 32)" ;;
            AIRFLOW_PASSWORD | PGADMIN_PASSWORD) keep "$name" "$(random 12)" ;;
            *) keep "$name" "$(random 48)" ;;
        esac
    done
    made=$missing
}

# Write into .env what the profiles are, so that plain docker compose knows them, and what they are used for.
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
    if asked observability; then
        keep NYC_TAXI_METRICS True
    elif [ "$(setting NYC_TAXI_METRICS)" = True ]; then
        keep NYC_TAXI_METRICS False
    fi
}

made=''
mirror=http://mirror:8000
profiles=${PROFILES:-$(setting COMPOSE_PROFILES)}
profiles=$(echo "$profiles" | tr -d ' ')
check_docker
check_profiles
fill_in
follow_profiles
if ! docker compose up --detach --build --wait; then
    echo 'The stack is not healthy. What init said last:' >&2
    docker compose logs --no-log-prefix --tail 5 init >&2 || true
    fail 'docker compose ps shows what does not run, docker compose logs NAME why.'
fi
echo "Airflow runs at http://localhost:$(docker compose port api-server 8080 | sed 's/.*://')"
case $made in
    *AIRFLOW_PASSWORD*) echo "Log in as admin with the password $(setting AIRFLOW_PASSWORD), which is kept in .env and not shown again." ;;
    *) echo 'Log in as admin; .env has the password (AIRFLOW_PASSWORD).' ;;
esac
if asked pgadmin; then
    email=$(setting PGADMIN_EMAIL)
    echo "pgAdmin runs at http://localhost:$(docker compose port pgadmin 8080 | sed 's/.*://')"
    case $made in
        *PGADMIN_PASSWORD*) echo "Log in as ${email:-admin@example.com} with the password $(setting PGADMIN_PASSWORD), which is kept in .env and not shown again." ;;
        *) echo "Log in as ${email:-admin@example.com}; .env has the password (PGADMIN_PASSWORD)." ;;
    esac
fi
