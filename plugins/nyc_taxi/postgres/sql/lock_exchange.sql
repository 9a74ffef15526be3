lock table only {parent}, only {partition} in access exclusive mode nowait
