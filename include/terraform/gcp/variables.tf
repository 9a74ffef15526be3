variable "project" {
  description = "Id of the Google Cloud project. It needs a billing account."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket for the files. It has to be free in the whole world."
  type        = string
}

variable "location" {
  description = "Where bucket and datasets are: US, EU or a region such as europe-west3."
  type        = string
  default     = "US"
}

variable "prefix" {
  description = "What the ids of all datasets begin with. Letters, digits and underscores."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_]*$", var.prefix))
    error_message = "BigQuery allows no dash in the id of a dataset. Use letters, digits and underscores."
  }
}

variable "landing_days" {
  description = "Days after which the source's files are deleted from the bucket; null keeps them."
  type        = number
  default     = null
}

variable "account_id" {
  description = "Id of the service account that loads the months."
  type        = string
  default     = "nyc-taxi-loader"
}
