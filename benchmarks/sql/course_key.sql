update trips_staging
set
    unique_row_id = md5(
        coalesce(cast(vendorid as text), '')
        || coalesce(cast(tpep_pickup_datetime as text), '')
        || coalesce(cast(tpep_dropoff_datetime as text), '')
        || coalesce(cast(pulocationid as text), '')
        || coalesce(cast(dolocationid as text), '')
        || coalesce(cast(fare_amount as text), '')
        || coalesce(cast(trip_distance as text), '')
    ),
    filename = %(filename)s
