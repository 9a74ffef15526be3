{# No check of a month of this run ends in an outcome. Those that do are in dbt's log, with month and value. #}
{% test no_check_ends_in(model, outcome) %}

{{ config(severity=outcome, where='[this run]') }}

{{ report_checks(model, outcome) }}

select
    file_month,
    dataset,
    check_name,
    message,
    threshold

from {{ model }}

where outcome = '{{ outcome }}'

{% endtest %}
