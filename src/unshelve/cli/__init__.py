"""One file per verb. Read main.py first."""
