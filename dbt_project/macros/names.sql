{# What TLC's codes mean, in the courses' words. #}

{% macro payment_in_words(code) -%}
    case {{ code }}
        when 0 then 'Flex fare'
        when 1 then 'Credit card'
        when 2 then 'Cash'
        when 3 then 'No charge'
        when 4 then 'Dispute'
        when 5 then 'Unknown'
        when 6 then 'Voided trip'
        else 'Not recorded'
    end
{%- endmacro %}


{# TLC's number for a payment that files before 2015 spell out. #}
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


{# TLC's number for a vendor that files before 2015 spell out; Digital Dispatch Systems, which has none, is 3. #}
{% macro vendor_of(name) -%}
    case upper({{ name }})
        when 'CMT' then 1
        when 'VTS' then 2
        when 'DDS' then 3
    end
{%- endmacro %}
