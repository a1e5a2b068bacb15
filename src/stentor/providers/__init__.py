"""Speech vendors, one file of facts each: translators between scripts and HTTP, without I/O."""
