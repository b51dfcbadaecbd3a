"""What several kinds of tests share: servers and stores to start, tables to play at, catalogs, stand-ins."""
