"""PCM in, files out: joining, stretching and encoding. Synchronous; callers bring the threads."""
