"""The adapter of Google Cloud: Cloud Storage for the files, BigQuery for the rows."""
