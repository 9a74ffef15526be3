{#
    In the target prod, a schema has the name of its layer: staging, intermediate, marts, ops. In any other
    target, the target's own schema comes before it: dev_staging, dev_intermediate, dev_marts, dev_ops. On
    BigQuery, where schemas are datasets, the prefix of all datasets comes first.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set layer = custom_schema_name | trim if custom_schema_name else 'marts' -%}
    {%- if target.name != 'prod' -%}
        {{ target.schema ~ '_' ~ layer }}
    {%- elif target.type == 'bigquery' -%}
        {{ env_var('NYC_TAXI_BIGQUERY_PREFIX', '') ~ layer }}
    {%- else -%}
        {{ layer }}
    {%- endif -%}
{%- endmacro %}
