select
    cast(brand as varchar) as brand,
    round(avg(cast(price as double)), 2) as avg_price,
from products
where brand is not null
group by all
order by avg_price desc, brand
