# What the DAG setup_gcp creates, and an account with the least rights to use it. After it, setup_gcp changes nothing.

locals {
  labels   = { application = "nyc-taxi" }
  datasets = ["raw", "stage", "ops", "staging", "intermediate", "marts"]
}

resource "google_project_service" "api" {
  for_each           = toset(["bigquery.googleapis.com", "storage.googleapis.com"])
  service            = each.key
  disable_on_destroy = false
}

resource "google_storage_bucket" "taxi" {
  name                        = var.bucket
  location                    = var.location
  storage_class               = "STANDARD"
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    action { type = "Delete" }
    condition {
      age            = 8
      matches_prefix = ["staged/"]
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.landing_days == null ? [] : [var.landing_days]
    content {
      action { type = "Delete" }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["raw/"]
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_bigquery_dataset" "taxi" {
  for_each                    = toset(local.datasets)
  dataset_id                  = "${var.prefix}${each.key}"
  location                    = var.location
  labels                      = local.labels
  default_table_expiration_ms = each.key == "stage" ? 8 * 24 * 3600 * 1000 : null

  depends_on = [google_project_service.api]
}

resource "google_service_account" "loader" {
  account_id   = var.account_id
  display_name = "Loads NYC taxi months"
}

resource "google_project_iam_member" "runs_jobs" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.loader.member
}

resource "google_bigquery_dataset_iam_member" "edits_tables" {
  for_each   = google_bigquery_dataset.taxi
  dataset_id = each.value.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.loader.member
}

resource "google_storage_bucket_iam_member" "edits_objects" {
  for_each = toset(["roles/storage.objectAdmin", "roles/storage.legacyBucketReader"])
  bucket   = google_storage_bucket.taxi.name
  role     = each.key
  member   = google_service_account.loader.member
}
