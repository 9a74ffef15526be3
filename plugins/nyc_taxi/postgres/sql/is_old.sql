select %(started)s < clock_timestamp() - interval '7 days'
