select
    payment_type,
    payment_type_description

from {{ ref('payment_type_lookup') }}
