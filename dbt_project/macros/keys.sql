{# An MD5 over columns in hexadecimal digits: equal for rows that are equal in all of them. #}
{% macro key_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append('coalesce(cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ "), '')") -%}
    {%- endfor -%}
    {{ dbt.hash(parts | join(" || '|' || ")) }}
{%- endmacro %}


{#
    unique_row_id as the Postgres flow of the Data Engineering Zoomcamp makes it: seven parts without separators.
    Needs the session settings of dbt's connection, which write a time as the files do.
#}
{% macro legacy_row_id(pickup, dropoff) -%}
    {{ dbt.hash(legacy_parts([
        'vendorid', pickup, dropoff, 'pulocationid', 'dolocationid', 'fare_amount', 'trip_distance',
    ])) }}
{%- endmacro %}


{# The same as its BigQuery flow makes it: five parts, times with zone. There it is bytes, here hexadecimal digits. #}
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


{# One value for all zones, which changes when any of them does. #}
{% macro version_of_zones(id='location_id') -%}
    {%- set text = [
        'cast(' ~ id ~ ' as ' ~ dbt.type_string() ~ ')', "coalesce(borough, '')", "coalesce(zone, '')",
        "coalesce(service_zone, '')",
    ] | join(" || '|' || ") -%}
    {{ dbt.hash('string_agg(' ~ text ~ ", ';' order by " ~ id ~ ')') }}
{%- endmacro %}
