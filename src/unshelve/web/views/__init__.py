"""What each page shows, as frozen values: one file per page, named after it."""
