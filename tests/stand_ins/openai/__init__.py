"""Has no client, only what Pipecat's annotations and defaults name."""
