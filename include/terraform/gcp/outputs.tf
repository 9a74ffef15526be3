output "environment" {
  description = "The connection bigquery_taxi, as entrypoint.sh init reads it."
  value = {
    NYC_TAXI_BIGQUERY_PROJECT     = var.project
    NYC_TAXI_BIGQUERY_BUCKET      = google_storage_bucket.taxi.name
    NYC_TAXI_BIGQUERY_LOCATION    = var.location
    NYC_TAXI_BIGQUERY_PREFIX      = var.prefix
    NYC_TAXI_BIGQUERY_IMPERSONATE = google_service_account.loader.email
  }
}
