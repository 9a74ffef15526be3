{# Every month of this run passes a check, as int_quality has measured it; the check says whether a failure stops. #}
{% test passes(model, check) %}

{{ config(severity=quality_check(check).severity, where='[this run]') }}

select
    file_month,
    dataset,
    share_found,
    upper_limit,
    message

from {{ model }}

where
    check_name = '{{ check }}'
    and outcome <> 'pass'

{% endtest %}
