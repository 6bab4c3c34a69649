"""Turn a session into text, without I/O: data in, lines and sentences out."""
