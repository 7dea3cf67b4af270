"""Report of a growth: tables, conclusions and a figure."""
