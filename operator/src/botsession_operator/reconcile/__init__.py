"""One pass over one session. Each step has a file; `reconciler` calls them in order."""
