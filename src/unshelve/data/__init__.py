"""Rows in and out: reading files and tables, learning a Schema from them, checking them. Read profile.py first."""
