"""One instrument a file; the file name is the YAML name."""
