insert into {partition} ({columns})
select {columns}
from {table}
