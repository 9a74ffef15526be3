{#
    The months to build, each with its dataset, or with none for all datasets; none when the run rebuilds all
    months, because the variable is not set or a full refresh was requested.
#}
{% macro run_months() %}
    {% set months = var('months', none) %}
    {% if months is none or flags.FULL_REFRESH %}
        {{ return(none) }}
    {% endif %}
    {% if months is string or months is not iterable or months | length == 0 %}
        {{ exceptions.raise_compiler_error(
            "The variable months is " ~ months ~ ". Pass a list of months, as in --vars '{months: [2021-01]}' or "
            ~ "'{months: [green 2021-01]}', or leave it out to rebuild all months."
        ) }}
    {% endif %}
    {% set chosen = [] %}
    {% for text in months | map('string') | unique | sort %}
        {% if not modules.re.fullmatch('([a-z][a-z0-9]* )?(19|20)[0-9]{2}-(0[1-9]|1[0-2])', text) %}
            {{ exceptions.raise_compiler_error(
                text ~ " is not a month. Write it as YYYY-MM, for example 2021-01, or green 2021-01 for one dataset."
            ) }}
        {% endif %}
        {% do chosen.append({
            'dataset': text.split(' ')[0] if ' ' in text else none, 'month': "date '" ~ text[-7:] ~ "-01'"
        }) %}
    {% endfor %}
    {{ return(chosen) }}
{% endmacro %}


{# The months to build as date literals of their first days; none when the run rebuilds all months. #}
{% macro run_partitions() %}
    {% set months = run_months() %}
    {{ return(none if months is none else months | map(attribute='month') | unique | sort | list) }}
{% endmacro %}


{#
    A condition that is true for rows of the datasets and months to build. The months are constants, so that the
    partitions of other months are not read.

    dataset   the column of the dataset, or its name as a literal where a table has only one
#}
{% macro in_run_months(dataset='dataset', month='file_month') -%}
    {%- set months = run_months() -%}
    {%- if months is none -%}
        true
    {%- else -%}
        {%- set chosen = [] -%}
        {%- for name in months | map(attribute='dataset') | unique -%}
            {%- set of_dataset = months | selectattr('dataset', 'equalto', name) | map(attribute='month') -%}
            {%- set is_dataset = dataset ~ " = '" ~ name ~ "' and " if name else '' -%}
            {%- do chosen.append(is_dataset ~ month ~ ' in (' ~ of_dataset | join(', ') ~ ')') -%}
        {%- endfor -%}
        {{ month }} in ({{ run_partitions() | join(', ') }})
        {%- if months | selectattr('dataset') | list %} and ({{ chosen | join(' or ') }}){% endif -%}
    {%- endif -%}
{%- endmacro %}


{# A condition that is true for the datasets that have models. #}
{% macro has_models() -%}
    dataset in ('{{ var('datasets') | join("', '") }}')
{%- endmacro %}


{# In the `where` of a data test, [this run] stands for the condition above. #}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if where -%}
        {% do return('(select * from ' ~ relation ~ ' where ' ~ where | replace('[this run]', in_run_months()) ~ ') dbt_subquery') %}
    {%- else -%}
        {% do return(relation) %}
    {%- endif -%}
{%- endmacro %}
