"""Open the top drawer of a cabinet by its handle."""
