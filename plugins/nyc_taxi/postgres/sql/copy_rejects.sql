copy ops.rejected_rows (attempt_id, dataset, month, line_number, row_number, reason, line)
from stdin (format text, encoding 'UTF8')
