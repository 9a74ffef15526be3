{#
    What is asked of each month before the marts take it, by dimension; int_quality measures it, and the data
    tests on that model stop or warn. A check is of taxis' trips, of those of for-hire vehicles (fhv), or of
    all. At most `share` of the trips may be `such`; where int_quality counts in its own way, there is no `such`.
    The most frequent values of its `column` in such trips are named.
    `error` keeps the month out of the marts, `warn` is told.
#}
{% macro quality_checks() %}
    {{ return([
        {'name': 'most_trips_cost_something', 'dimension': 'accuracy', 'severity': 'error', 'of': 'taxi',
         'share': 0.2, 'such': 'coalesce(total_amount, 0) <= 0', 'said': 'cost nothing'},
        {'name': 'most_trips_end_after_they_began', 'dimension': 'accuracy', 'severity': 'error', 'of': 'taxi',
         'share': 0.25, 'such': 'dropoff_datetime < pickup_datetime', 'said': 'end before they begin'},
        {'name': 'no_total_is_absurd', 'dimension': 'accuracy', 'severity': 'warn', 'of': 'taxi',
         'share': 0, 'such': 'abs(total_amount) > 10000', 'said': 'cost more than 10,000 dollars'},

        {'name': 'all_trips_have_a_pickup', 'dimension': 'completeness', 'severity': 'error', 'of': 'all',
         'share': 0, 'such': 'pickup_datetime is null', 'said': 'have no time of pickup'},
        {'name': 'nearly_all_trips_have_a_base', 'dimension': 'completeness', 'severity': 'error', 'of': 'fhv',
         'share': 0.05, 'such': 'dispatching_base_num is null', 'said': 'have no base'},
        {'name': 'nearly_all_trips_have_a_total', 'dimension': 'completeness', 'severity': 'error', 'of': 'taxi',
         'share': 0.01, 'such': 'total_amount is null', 'said': 'have no total'},
        {'name': 'trips_are_all_there', 'dimension': 'completeness', 'severity': 'error', 'of': 'all',
         'share': 0, 'said': 'are missing, or more than the ledger says, exact copies counted'},

        {'name': 'few_reversals_stand_alone', 'dimension': 'consistency', 'severity': 'warn', 'of': 'taxi',
         'share': 0.005, 'such': 'is_reversal and not is_reversal_pair', 'said': 'take back what nobody paid'},

        {'name': 'few_trips_are_of_other_months', 'dimension': 'timeliness', 'severity': 'warn', 'of': 'all',
         'share': 0.01, 'such': 'is_outside_file_month', 'said': 'began in another month'},
        {'name': 'no_trip_is_in_the_future', 'dimension': 'timeliness', 'severity': 'warn', 'of': 'all',
         'share': 0, 'such': 'is_future', 'said': 'began long after the month'},

        {'name': 'few_rows_are_copies', 'dimension': 'uniqueness', 'severity': 'warn', 'of': 'taxi',
         'share': 0.002, 'such': 'copies > 1', 'said': 'are in the file more than once'},
        {'name': 'trip_ids_are_unique', 'dimension': 'uniqueness', 'severity': 'error', 'of': 'all',
         'share': 0, 'said': 'have the id of another one'},

        {'name': 'dropoff_zones_are_known', 'dimension': 'validity', 'severity': 'warn', 'of': 'all',
         'share': 0, 'column': 'dropoff_location_id',
         'such': 'dropoff_location_id is not null and known_dropoff_location_id is null',
         'said': 'end in a zone that is not in the lookup'},
        {'name': 'payment_types_are_known', 'dimension': 'validity', 'severity': 'warn', 'of': 'taxi',
         'share': 0, 'column': 'payment_type', 'such': 'payment_type not in (0, 1, 2, 3, 4, 5, 6)',
         'said': 'have an unknown payment type'},
        {'name': 'pickup_zones_are_known', 'dimension': 'validity', 'severity': 'warn', 'of': 'all',
         'share': 0, 'column': 'pickup_location_id',
         'such': 'pickup_location_id is not null and known_pickup_location_id is null',
         'said': 'begin in a zone that is not in the lookup'},
        {'name': 'rate_codes_are_known', 'dimension': 'validity', 'severity': 'warn', 'of': 'taxi',
         'share': 0, 'column': 'rate_code_id', 'such': 'rate_code_id not in (1, 2, 3, 4, 5, 6, 99)',
         'said': 'have an unknown rate code'},
        {'name': 'trip_types_are_known', 'dimension': 'validity', 'severity': 'warn', 'of': 'taxi',
         'share': 0, 'column': 'trip_type', 'such': 'trip_type not in (1, 2)', 'said': 'have an unknown trip type'},
        {'name': 'vendors_are_known', 'dimension': 'validity', 'severity': 'warn', 'of': 'taxi',
         'share': 0, 'column': 'vendor_id', 'such': 'vendor_id is not null and known_vendor_id is null',
         'said': 'are of a vendor that is not in the list'},
    ]) }}
{% endmacro %}


{# The check of that name. #}
{% macro quality_check(name) %}
    {% set found = quality_checks() | selectattr('name', 'equalto', name) | list %}
    {% if not found %}
        {{ exceptions.raise_compiler_error(name ~ " is no check. macros/quality_checks.sql has them all.") }}
    {% endif %}
    {{ return(found[0]) }}
{% endmacro %}


{# The five most frequent numbers of an array, as text. #}
{% macro most_frequent(numbers) -%}
    (
        select string_agg(cast(number as {{ dbt.type_string() }}), ', ' order by times desc, number)
        from (
            select
                number,
                count(*) as times
            from unnest({{ numbers }}) as number
            group by number
            order by times desc, number
            limit 5
        ) as most
    )
{%- endmacro %}
