"""How the store looks after itself: what is needed, sweeping, retention, costs, backup, moving, checking.

Its noun is the record of what was done (records.py). Read marking.py first: what is kept, and why.
"""
