"""Tables: learning a Schema from one, building one from a request, checking, reading and scoring files.

Read `profile.py` first (table to Schema), then `frames.py` (rows to the table that training saw).
"""
