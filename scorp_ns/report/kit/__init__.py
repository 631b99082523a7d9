"""What reports are made of: pages, tables, pictures and schemas."""
