{#
    The months that this run was told to build, as date literals of their first days; none when it builds all
    months anew, because it was told none or was asked for a full refresh.
#}
{% macro run_months() %}
    {% set told = var('months', none) %}
    {% if told is none or flags.FULL_REFRESH %}
        {{ return(none) }}
    {% endif %}
    {% if told is string or told is not iterable or told | length == 0 %}
        {{ exceptions.raise_compiler_error(
            "The variable months is " ~ told ~ ". Give a list of months, as in --vars '{months: [2021-01]}', "
            ~ "or leave it out to build all months anew."
        ) }}
    {% endif %}
    {% set literals = [] %}
    {% for month in told | map('string') | unique | sort %}
        {% if not modules.re.fullmatch('(19|20)[0-9]{2}-(0[1-9]|1[0-2])', month) %}
            {{ exceptions.raise_compiler_error(month ~ " is not a month. Write it as YYYY-MM, for example 2021-01.") }}
        {% endif %}
        {% do literals.append("date '" ~ month ~ "-01'") %}
    {% endfor %}
    {{ return(literals) }}
{% endmacro %}


{#
    A condition that holds for the rows of this run's files. The months are constants, so that no other
    month's partition is read.
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
