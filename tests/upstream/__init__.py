"""Vendors in this machine: a real HTTP server that answers as a vendor does, and records calls.

One module for each vendor knows the vendor's paths and shapes; `tests/upstream/server.py` knows
sockets, faults and how to cut bodies in bad places. Fakes are needed because tests have no account.
"""
