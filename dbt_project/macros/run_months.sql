{#
    The months to build, as date literals of their first days; none when the run rebuilds all months, because
    the variable is not set or a full refresh was requested.
#}
{% macro run_months() %}
    {% set months = var('months', none) %}
    {% if months is none or flags.FULL_REFRESH %}
        {{ return(none) }}
    {% endif %}
    {% if months is string or months is not iterable or months | length == 0 %}
        {{ exceptions.raise_compiler_error(
            "The variable months is " ~ months ~ ". Pass a list of months, as in --vars '{months: [2021-01]}', "
            ~ "or leave it out to rebuild all months."
        ) }}
    {% endif %}
    {% set literals = [] %}
    {% for month in months | map('string') | unique | sort %}
        {% if not modules.re.fullmatch('(19|20)[0-9]{2}-(0[1-9]|1[0-2])', month) %}
            {{ exceptions.raise_compiler_error(month ~ " is not a month. Write it as YYYY-MM, for example 2021-01.") }}
        {% endif %}
        {% do literals.append("date '" ~ month ~ "-01'") %}
    {% endfor %}
    {{ return(literals) }}
{% endmacro %}


{#
    A condition that is true for rows of the months to build. The months are constants, so that the partitions
    of other months are not read.
#}
{% macro in_run_months(column='file_month') -%}
    {%- set months = run_months() -%}
    {{ 'true' if months is none else column ~ ' in (' ~ months | join(', ') ~ ')' }}
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
