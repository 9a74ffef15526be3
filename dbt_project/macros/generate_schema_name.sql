{#
    In the target prod, a schema has the name of its layer: staging, intermediate, marts, ops. In any other
    target, the target's own schema comes before it: dev_staging, dev_intermediate, dev_marts, dev_ops.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set layer = custom_schema_name | trim if custom_schema_name else 'marts' -%}
    {{ layer if target.name == 'prod' else target.schema ~ '_' ~ layer }}
{%- endmacro %}
