"""Has nothing: loudness is measured for voice detection only."""
