"""What documents of results are made of: a checked schema, tables, pictures and a page that loads nothing."""
