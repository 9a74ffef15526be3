# The image of all Airflow components, with the provider, dbt, the DAGs and the dbt project.
# Packages come only from the package registry, verified by the hashes in requirements/.

# Airflow's release in every stage. The lock files match it.
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2-python3.12

# The provider's wheel
FROM ${AIRFLOW_IMAGE} AS wheel
# Only the build runs as this user.
# hadolint ignore=DL3002
USER 0
WORKDIR /src
ENV UV_CACHE_DIR=/var/cache/uv
COPY requirements/build.txt requirements/
RUN --mount=type=cache,id=taxi-build,target=/var/cache/uv \
    uv venv --quiet /opt/build \
    && uv pip sync --quiet --python /opt/build/bin/python --require-hashes requirements/build.txt
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY plugins plugins
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /wheels \
    && cp "$(command -v uv)" /wheels/

# dbt, whose dependencies conflict with those of Airflow's providers
FROM ${AIRFLOW_IMAGE} AS dbt
# Only the build runs as this user.
# hadolint ignore=DL3002
USER 0
WORKDIR /src
ENV UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy
COPY requirements/dbt-bigquery.txt requirements/
RUN --mount=type=cache,id=taxi-build,target=/var/cache/uv \
    uv venv --quiet /opt/dbt \
    && uv pip sync --quiet --python /opt/dbt/bin/python --require-hashes --compile-bytecode requirements/dbt-bigquery.txt

# Airflow's environment holds only what the lock file names: what was tested is what runs.
FROM ${AIRFLOW_IMAGE} AS airflow
# Compiled files halve every start. The tests of the largest packages are not run.
RUN --mount=type=bind,source=requirements/image.txt,target=/mnt/image.txt \
    --mount=type=cache,id=taxi-image,target=/var/cache/uv,uid=50000 \
    uv pip sync --quiet --cache-dir /var/cache/uv --python "$(command -v python)" \
        --require-hashes --compile-bytecode /mnt/image.txt \
    && uv pip uninstall --quiet --python "$(command -v python)" pip uv \
    && packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && rm -rf "$packages"/pandas/tests "$packages"/pyarrow/tests "$packages"/numpy/tests "$packages"/numpy/*/tests

# The base image without its own environment, and without the ways to become root that it gives its user
FROM ${AIRFLOW_IMAGE} AS system
# Only the build runs as this user.
# hadolint ignore=DL3002
USER 0
RUN rm -rf /home/airflow/.local /usr/bin/sudo /etc/sudoers /etc/sudoers.d \
    && chmod g-w /etc/passwd

# Copies, because the layers of the base image also hold what was removed: half of the size
FROM scratch
# hadolint ignore=DL3067
COPY --from=system / /
COPY --from=airflow /home/airflow/.local /home/airflow/.local
COPY --from=dbt /opt/dbt /opt/dbt

# HOME and USER are for a user without an entry in /etc/passwd.
ENV HOME=/home/airflow \
    USER=airflow \
    PATH=/home/airflow/.local/bin:/usr/python/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    VIRTUAL_ENV=/home/airflow/.local \
    LANG=C.UTF-8 \
    LC_ALL=C.UTF-8 \
    DUMB_INIT_SETSID=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__NYC_TAXI__DBT_PROGRAM=/opt/dbt/bin/dbt \
    AIRFLOW__NYC_TAXI__DBT_ARTIFACTS=/opt/airflow/files/dbt \
    AIRFLOW__NYC_TAXI__DBT_DOCS=file:///opt/airflow/files/dbt_docs
WORKDIR /opt/airflow
USER 50000
RUN --mount=type=bind,from=wheel,source=/wheels,target=/mnt/wheels \
    /mnt/wheels/uv pip install --quiet --no-cache --python "$(command -v python)" \
        --no-deps --compile-bytecode /mnt/wheels/*.whl \
    # A new volume inherits that any user in group 0 may write.
    && install --directory --mode=2775 /opt/airflow/files /opt/airflow/files/tmp /opt/airflow/logs \
    # Airflow would create this file if it were missing, which a read-only file system forbids.
    && rm -f /opt/airflow/airflow.cfg /opt/airflow/airflow.db \
    && touch /opt/airflow/airflow.cfg
COPY entrypoint.sh /opt/airflow/
COPY include /opt/airflow/include
COPY dbt_project /opt/airflow/dbt_project
COPY dags /opt/airflow/dags

# What a registry shows. A build for one passes the last three, see docs/compose.md.
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="NYC taxi months on Apache Airflow" \
      org.opencontainers.image.description="Airflow with the provider airflow-provider-nyc-taxi, its DAGs, and dbt" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="docker.io/apache/airflow:3.3.2-python3.12"

EXPOSE 8080
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/opt/airflow/entrypoint.sh"]
CMD ["version"]
