"""Several server processes on one machine.

The first process has everything: the lock of the data directory, the engines, the sweeper, the
webhooks. The others (`member`) only serve HTTP and run jobs. They share the listening socket and
the store's file, and a socket to the first (`hub`), over which they borrow the engines and hear
what happens to jobs elsewhere.
"""
