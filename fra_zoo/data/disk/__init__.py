"""Reading datasets as they lie on disk: folders, lists, tables, Parquet files."""
