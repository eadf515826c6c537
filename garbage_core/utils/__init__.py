"""Files that are written whole, numbers and tables as words, threads, timing."""
