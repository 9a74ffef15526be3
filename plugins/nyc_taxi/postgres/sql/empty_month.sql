delete from {partition}
where file_month = %(month)s
