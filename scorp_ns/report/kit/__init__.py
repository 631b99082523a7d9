"""The parts of reports: pages, tables, pictures and schemas."""
