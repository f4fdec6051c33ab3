"""A solution from its file to its release: checked, run, gated, proved, released. Read declaration.py first."""
