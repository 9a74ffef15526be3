"""What is true about months, files and sources, in plain Python: nothing here imports Airflow."""
