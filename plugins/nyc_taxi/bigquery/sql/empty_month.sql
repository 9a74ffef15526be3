delete from {table}
where file_month = @month
