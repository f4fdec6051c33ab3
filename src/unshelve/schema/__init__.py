"""What a row looks like: the Schema, and everything that is made from one without reading a table.

Read `schema.py` first (the values), then `decoder.py` (request bodies into rows).
"""
