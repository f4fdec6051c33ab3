"""Where things are kept: the home, the database, the blobs, the job queue. Read home.py first."""
