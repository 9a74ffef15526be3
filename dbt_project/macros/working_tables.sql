{#
    dbt computes a model's new rows in a temporary table before it puts them in place, and a role need not have
    the right to one. On Postgres, this is an ordinary table of the model's own schema instead. The transaction
    that creates it drops it, so nobody else ever sees it.
#}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
    {%- if model.resource_type == 'unit_test' -%}
        {{ return(dbt.postgres__make_temp_relation(base_relation, suffix)) }}
    {%- endif -%}
    {{ return(postgres__make_relation_with_suffix(base_relation, '__' ~ invocation_id[:8], dstring=False)) }}
{% endmacro %}

{# On BigQuery, dbt gives the working table of a model the same name in every run, also of two at once. #}
{% macro bigquery__make_temp_relation(base_relation, suffix) %}
    {%- set own = '' if model.resource_type == 'unit_test' else '__' ~ invocation_id[:8] -%}
    {{ return(dbt.default__make_temp_relation(base_relation, own ~ suffix)) }}
{% endmacro %}

{% macro postgres__create_table_as(temporary, relation, sql) %}
    {%- if temporary and model.resource_type != 'unit_test' %}
        create unlogged table {{ relation }}
        {{ get_assert_columns_equivalent(sql) }}
        as (
            {{ sql }}
        )
    {%- else %}
        {{ dbt.postgres__create_table_as(temporary, relation, sql) }}
    {%- endif %}
{% endmacro %}


{# Drops the table in which an incremental run has computed a model's rows. #}
{% macro drop_working_table() %}
    {{ return(adapter.dispatch('drop_working_table')()) }}
{% endmacro %}

{% macro postgres__drop_working_table() %}
    {{ return("drop table if exists {{ make_temp_relation(this) }}") }}
{% endmacro %}

{% macro bigquery__drop_working_table() %}
    {{ return('') }}
{% endmacro %}
