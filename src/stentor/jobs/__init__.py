"""Asynchronous jobs: their durable record, and what runs and removes them."""
