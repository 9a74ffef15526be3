{# Expressions that Postgres and BigQuery write differently. #}


{# First day of the month that a time lies in. #}
{% macro month_of(time) -%}
    {{ adapter.dispatch('month_of')(time) }}
{%- endmacro %}

{% macro postgres__month_of(time) -%}
    cast(date_trunc('month', {{ time }}) as date)
{%- endmacro %}

{% macro bigquery__month_of(time) -%}
    date_trunc(cast({{ time }} as date), month)
{%- endmacro %}


{# First day of the month that is a number of months after another first day. #}
{% macro months_after(first_day, months) -%}
    {{ adapter.dispatch('months_after')(first_day, months) }}
{%- endmacro %}

{% macro postgres__months_after(first_day, months) -%}
    cast({{ first_day }} + interval '{{ months }} months' as date)
{%- endmacro %}

{% macro bigquery__months_after(first_day, months) -%}
    date_add({{ first_day }}, interval {{ months }} month)
{%- endmacro %}


{# Whole seconds from one wall-clock time to another. #}
{% macro seconds_between(start, finish) -%}
    {{ adapter.dispatch('seconds_between')(start, finish) }}
{%- endmacro %}

{% macro postgres__seconds_between(start, finish) -%}
    cast(floor(extract(epoch from {{ finish }} - {{ start }})) as bigint)
{%- endmacro %}

{% macro bigquery__seconds_between(start, finish) -%}
    datetime_diff({{ finish }}, {{ start }}, second)
{%- endmacro %}


{# A JSON document as text. Null stays null, where BigQuery would make it the text 'null'. #}
{% macro json_text(document) -%}
    {{ adapter.dispatch('json_text')(document) }}
{%- endmacro %}

{% macro postgres__json_text(document) -%}
    cast({{ document }} as text)
{%- endmacro %}

{% macro bigquery__json_text(document) -%}
    case when {{ document }} is not null then to_json_string({{ document }}) end
{%- endmacro %}


{# A whole number as a person reads it: 50,000. #}
{% macro number_text(number) -%}
    {{ adapter.dispatch('number_text')(number) }}
{%- endmacro %}

{% macro postgres__number_text(number) -%}
    to_char({{ number }}, 'FM999,999,999,999,990')
{%- endmacro %}

{% macro bigquery__number_text(number) -%}
    format("%'d", {{ number }})
{%- endmacro %}


{# The values of a column in the rows that fulfil a condition, as an array. #}
{% macro array_of(column, condition) -%}
    {{ adapter.dispatch('array_of')(column, condition) }}
{%- endmacro %}

{% macro postgres__array_of(column, condition) -%}
    array_agg({{ column }}) filter (where {{ condition }})
{%- endmacro %}

{% macro bigquery__array_of(column, condition) -%}
    array_agg(case when {{ condition }} then {{ column }} end ignore nulls)
{%- endmacro %}


{# Whole minutes from one wall-clock time to another, rounded down. #}
{% macro minutes_between(start, finish) -%}
    cast(floor({{ seconds_between(start, finish) }} / 60.0) as bigint)
{%- endmacro %}


{#
    dbt's own macro warns of a numeric without precision. On Postgres it is the one that does not round; on
    BigQuery it has nine decimals, and dollars and miles have fewer.
#}
{% macro postgres__get_empty_schema_sql(columns) -%}
    select
    {%- for name, column in columns.items() %}
        cast(null as {{ api.Column.translate_type(column['data_type']) }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro bigquery__get_empty_schema_sql(columns) -%}
    {{ return(postgres__get_empty_schema_sql(columns)) }}
{%- endmacro %}
