{#
    Makes a model a table that is built by dataset and file month, which it has as columns. A run replaces its
    months as a whole, and removes those that were unloaded. A run without months rebuilds the table.

    cluster_by  on BigQuery, the columns by which the rows of a month are sorted
#}
{% macro built_by_month(cluster_by=none) -%}
    {{ config(
        materialized='incremental',
        incremental_strategy=month_strategy(),
        full_refresh=true if run_months() is none else none,
        on_schema_change='fail',
        partition_by={'field': 'file_month', 'data_type': 'date', 'granularity': 'month'},
        partitions=run_partitions(),
        cluster_by=cluster_by,
        indexes=[{'columns': ['file_month']}],
        post_hook=[drop_working_table(), replica_identity(), refresh_statistics()],
    ) }}
{%- endmacro %}


{% macro month_strategy() %}
    {{ return(adapter.dispatch('month_strategy')()) }}
{% endmacro %}

{% macro postgres__month_strategy() %}
    {{ return('by_month') }}
{% endmacro %}

{# With `partitions`, this is one MERGE that replaces only these, and of these only the datasets of the run. #}
{% macro bigquery__month_strategy() %}
    {{ return('insert_overwrite') }}
{% endmacro %}


{#
    The strategy by_month. Unlike delete+insert, which only deletes months with new rows, it also empties months
    that were unloaded. dbt runs these statements in one transaction. The lock does not block readers; it keeps
    a concurrent run from inserting the same month a second time.
#}
{% macro get_incremental_by_month_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    lock table {{ arg_dict['target_relation'] }} in share row exclusive mode;

    delete from {{ arg_dict['target_relation'] }}
    where {{ in_run_months() }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}


{#
    A database may publish the deletions of every table for logical replication. Postgres then deletes only from
    tables that say what identifies a row, and these have no key.
#}
{% macro replica_identity() %}
    {{ return(adapter.dispatch('replica_identity')()) }}
{% endmacro %}

{% macro postgres__replica_identity() %}
    {{ return('{{ identify_rows(this) }}') }}
{% endmacro %}

{% macro bigquery__replica_identity() %}
    {{ return('') }}
{% endmacro %}

{# Only when it is missing, because the statement waits for every reader. #}
{% macro identify_rows(relation) %}
    {%- set lacking -%}
        select 1 from pg_class where oid = to_regclass('{{ relation }}') and relreplident <> 'f'
    {%- endset -%}
    {%- if execute and run_query(lacking).rows -%}
        alter table {{ relation }} replica identity full
    {%- endif -%}
{% endmacro %}


{# The MERGE of insert_overwrite, which would also delete the other datasets of its partitions. #}
{% macro bigquery__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) -%}
    {{ return(dbt.default__get_insert_overwrite_merge_sql(
        target,
        source,
        dest_columns,
        predicates + ['(' ~ in_run_months('DBT_INTERNAL_DEST.dataset', 'DBT_INTERNAL_DEST.file_month') ~ ')'],
        include_sql_header
    )) }}
{%- endmacro %}


{# Postgres plans by statistics, and these do not cover a month that was just inserted. #}
{% macro refresh_statistics() %}
    {{ return(adapter.dispatch('refresh_statistics')()) }}
{% endmacro %}

{% macro postgres__refresh_statistics() %}
    {{ return('analyze {{ this }}') }}
{% endmacro %}

{% macro bigquery__refresh_statistics() %}
    {{ return('') }}
{% endmacro %}
