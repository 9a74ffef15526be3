{#
    The checks of a month, by dimension: int_quality measures them, and its data tests stop the run or warn.

    kinds     trips that the check is about: taxi, fhv (for-hire vehicles), fhvhv (app services); all by default
    share     share of the trips that may fail
    condition what a failing trip is like; none for checks that int_quality counts in its own way
    column    the message names its most frequent values among the failing trips; without a condition, the
              failing trips are those whose value is not in its lookup
    finding   completes "3 of 6 trips ..."
    severity  error keeps the month out of the marts, warn is reported
#}
{% macro quality_checks() %}
    {% set checks = [
        {'name': 'most_trips_cost_something', 'dimension': 'accuracy', 'severity': 'error', 'kinds': 'taxi fhvhv',
         'share': 0.2, 'condition': "case when kind = 'taxi' then coalesce(total_amount, 0) else total_amount end <= 0", 'finding': 'cost nothing'},
        {'name': 'most_trips_end_after_they_began', 'dimension': 'accuracy', 'severity': 'error', 'kinds': 'taxi fhvhv',
         'share': 0.25, 'condition': 'dropoff_datetime < pickup_datetime', 'finding': 'end before they begin'},
        {'name': 'no_total_is_absurd', 'dimension': 'accuracy', 'severity': 'warn', 'kinds': 'taxi fhvhv',
         'share': 0, 'condition': 'abs(total_amount) > 10000', 'finding': 'cost more than 10,000 dollars'},

        {'name': 'all_trips_have_a_pickup', 'dimension': 'completeness', 'severity': 'error',
         'share': 0, 'condition': 'pickup_datetime is null', 'finding': 'have no pickup time'},
        {'name': 'nearly_all_trips_have_a_base', 'dimension': 'completeness', 'severity': 'error', 'kinds': 'fhv fhvhv',
         'share': 0.05, 'condition': 'dispatching_base_num is null', 'finding': 'have no base'},
        {'name': 'nearly_all_trips_have_a_total', 'dimension': 'completeness', 'severity': 'error', 'kinds': 'taxi',
         'share': 0.01, 'condition': 'total_amount is null', 'finding': 'have no total'},
        {'name': 'trip_count_matches_the_ledger', 'dimension': 'completeness', 'severity': 'error',
         'share': 0, 'finding': 'are missing or surplus, compared with the ledger'},

        {'name': 'few_reversals_stand_alone', 'dimension': 'consistency', 'severity': 'warn', 'kinds': 'taxi',
         'share': 0.005, 'condition': 'is_reversal and not is_reversal_pair',
         'finding': 'reverse a charge that is not in the file'},

        {'name': 'few_trips_are_of_other_months', 'dimension': 'timeliness', 'severity': 'warn',
         'share': 0.01, 'condition': 'is_outside_file_month', 'finding': 'began in another month'},
        {'name': 'no_trip_is_in_the_future', 'dimension': 'timeliness', 'severity': 'warn',
         'share': 0, 'condition': 'is_future', 'finding': 'began more than a month after the month of the file'},

        {'name': 'few_rows_are_copies', 'dimension': 'uniqueness', 'severity': 'warn', 'kinds': 'taxi',
         'share': 0.002, 'condition': 'copies > 1', 'finding': 'are in the file more than once'},
        {'name': 'trip_ids_are_unique', 'dimension': 'uniqueness', 'severity': 'error',
         'share': 0, 'finding': 'have the same id as another trip'},

        {'name': 'dropoff_zones_are_known', 'dimension': 'validity', 'severity': 'warn',
         'share': 0, 'column': 'dropoff_location_id', 'finding': 'end in an unknown zone'},
        {'name': 'payment_types_are_known', 'dimension': 'validity', 'severity': 'warn', 'kinds': 'taxi',
         'share': 0, 'column': 'payment_type', 'finding': 'have an unknown payment type'},
        {'name': 'pickup_zones_are_known', 'dimension': 'validity', 'severity': 'warn',
         'share': 0, 'column': 'pickup_location_id', 'finding': 'begin in an unknown zone'},
        {'name': 'rate_codes_are_known', 'dimension': 'validity', 'severity': 'warn', 'kinds': 'taxi',
         'share': 0, 'column': 'rate_code_id', 'finding': 'have an unknown rate code'},
        {'name': 'services_are_known', 'dimension': 'validity', 'severity': 'warn', 'kinds': 'fhvhv',
         'share': 0, 'condition': 'service_name is null', 'finding': 'have an unknown service'},
        {'name': 'trip_types_are_known', 'dimension': 'validity', 'severity': 'warn', 'kinds': 'taxi',
         'share': 0, 'column': 'trip_type', 'finding': 'have an unknown trip type'},
        {'name': 'vendors_are_known', 'dimension': 'validity', 'severity': 'warn', 'kinds': 'taxi',
         'share': 0, 'column': 'vendor_id', 'finding': 'have an unknown vendor'},
    ] %}
    {% for check in checks if not check.kinds %}
        {% do check.update(kinds='taxi fhv fhvhv') %}
    {% endfor %}
    {% for check in checks if check.column %}
        {% do check.update(condition=check.column ~ ' is not null and known_' ~ check.column ~ ' is null') %}
    {% endfor %}
    {{ return(checks) }}
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


{# Writes the checks that ended in an outcome to dbt's log, one per line, when the data tests run. #}
{% macro report_checks(relation, outcome) %}
    {% if execute and flags.WHICH in ('build', 'test') %}
        {% set ended %}
            select file_month, dataset, check_name, message, threshold
            from {{ relation }}
            where outcome = '{{ outcome }}'
            order by file_month, dataset, check_name
        {% endset %}
        {% for month, dataset, name, message, threshold in run_query(ended).rows %}
            {% do exceptions.warn(
                "%s %s, %s (%s): %s Allowed: %s." % (dataset, month.strftime('%Y-%m'), name, outcome, message, threshold)
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
