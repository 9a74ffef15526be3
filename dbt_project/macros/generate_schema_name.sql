{#
    The target prod has the schemas staging, intermediate and marts; any other target has its own, with its
    schema before the name: dev_staging, dev_intermediate, dev_marts.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set layer = custom_schema_name | trim if custom_schema_name else 'marts' -%}
    {{ layer if target.name == 'prod' else target.schema ~ '_' ~ layer }}
{%- endmacro %}
