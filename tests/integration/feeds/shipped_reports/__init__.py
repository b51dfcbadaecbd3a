"""Reports that are shipped, against books that plain Python keeps: of a golden house, and of a demo that was played."""
