"""What happened and what exists: runs, artifacts, versions, releases. Read versions.py first."""
