"""How Airflow connections become sources and warehouses."""
