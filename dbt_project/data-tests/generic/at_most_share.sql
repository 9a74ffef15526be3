{# At most this share of a month's trips of a dataset are such that the condition holds; 0 for none at all. #}
{% test at_most_share(model, condition, share) %}

select
    file_month,
    dataset,
    sum(case when {{ condition }} then 1 else 0 end) as such_trips,
    count(*) as trips

from {{ model }}

group by
    file_month,
    dataset

having sum(case when {{ condition }} then 1 else 0 end) > {{ share }} * count(*)

{% endtest %}
