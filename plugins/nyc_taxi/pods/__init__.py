"""Tasks as pods of Kubernetes: what each gets, what it is labelled with, and why it died."""
