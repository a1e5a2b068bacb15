"""Neural voices in this machine, hosted in processes of their own."""
