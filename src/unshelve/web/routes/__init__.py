"""Every address of the pages and the API, who may use it and what answers. Read table.py first."""
