"""The whole stack on one machine, without Docker: an embedded Postgres, Airflow and a file server."""
