{# An MD5 in hexadecimal digits over columns: equal for rows that are equal in all of them. #}
{% macro key_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append('coalesce(cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ "), '')") -%}
    {%- endfor -%}
    {{ dbt.hash(parts | join(" || '|' || ")) }}
{%- endmacro %}


{#
    The courses' unique_row_id as their Postgres flow makes it: seven parts, and nothing between them. Needs the
    session settings of dbt's own connection, under which a time is written as in the files.
#}
{% macro legacy_row_id(pickup, dropoff) -%}
    {{ dbt.hash(legacy_parts([
        'vendorid', pickup, dropoff, 'pulocationid', 'dolocationid',
    ]) ~ " || coalesce(" ~ double_text('fare_amount') ~ ", '') || coalesce(" ~ double_text('trip_distance') ~ ", '')") }}
{%- endmacro %}


{# The same as their BigQuery flow makes it: five parts, times with their zone; there as bytes, here as digits. #}
{% macro legacy_bigquery_row_id(pickup, dropoff) -%}
    {{ dbt.hash(legacy_parts(['vendorid'])
        ~ " || coalesce(cast(" ~ pickup ~ " as " ~ dbt.type_string() ~ ") || '+00', '')"
        ~ " || coalesce(cast(" ~ dropoff ~ " as " ~ dbt.type_string() ~ ") || '+00', '') || "
        ~ legacy_parts(['pulocationid', 'dolocationid'])
    ) }}
{%- endmacro %}


{% macro legacy_parts(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as {{ dbt.type_string() }}), ''){{ ' || ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# One value for all zones together, which changes when any of them does. #}
{% macro zones_version() -%}
    {{ dbt.hash("string_agg(" ~ zone_text() ~ ", ';' order by location_id)") }}
{%- endmacro %}

{% macro zone_text() -%}
    cast(location_id as {{ dbt.type_string() }}) || '|' || coalesce(borough, '') || '|' || coalesce(zone, '') || '|' || coalesce(service_zone, '')
{%- endmacro %}
