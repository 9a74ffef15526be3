select
    pickup_borough,
    pickup_zone,
    sum(total_monthly_trips) as trips,
    sum(revenue_monthly_total_amount) as revenue
from marts.fct_monthly_zone_revenue
where revenue_month between %(first)s and %(last)s
group by pickup_borough, pickup_zone
order by revenue desc
limit %(zones)s
