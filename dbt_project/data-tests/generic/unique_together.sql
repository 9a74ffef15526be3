{# No two rows agree in all of these columns; two nulls agree. #}
{% test unique_together(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as equal_rows

from {{ model }}

group by {{ columns | join(', ') }}

having count(*) > 1

{% endtest %}
