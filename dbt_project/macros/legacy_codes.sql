{# Codes for what files spell out, and names for what they give a licence number. #}

{# TLC's licence numbers of the high-volume for-hire services. #}
{% macro service_of(licence) -%}
    case {{ licence }}
        when 'HV0002' then 'Juno'
        when 'HV0003' then 'Uber'
        when 'HV0004' then 'Via'
        when 'HV0005' then 'Lyft'
    end
{%- endmacro %}


{# Files before 2015 have names. #}

{% macro payment_type_of(name) -%}
    case upper(substr({{ name }}, 1, 3))
        when 'CRE' then 1
        when 'CRD' then 1
        when 'CAS' then 2
        when 'CSH' then 2
        when 'NO ' then 3
        when 'NOC' then 3
        when 'DIS' then 4
        when 'UNK' then 5
        when 'NA ' then 5
    end
{%- endmacro %}


{# TLC has no code for Digital Dispatch Systems; it is 3 here. #}
{% macro vendor_of(name) -%}
    case upper({{ name }})
        when 'CMT' then 1
        when 'VTS' then 2
        when 'DDS' then 3
    end
{%- endmacro %}
