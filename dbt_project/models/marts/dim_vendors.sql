select
    vendor_id,
    vendor_name

from {{ ref('vendor_lookup') }}
