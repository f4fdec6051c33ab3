"""Who may do what, and what may be trusted. Read actors.py first, then permissions.py."""
