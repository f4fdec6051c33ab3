"""The migrations, one file each: `m0001.py`, … Each has `upgrade(op)`; none is changed after it was released."""
