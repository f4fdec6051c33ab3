"""How each database is read: one file for each, which alone imports its driver. Start with reading.py."""
