"""What `shatterscope editor new` copies, with other names: a small package that works."""
