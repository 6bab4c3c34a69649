"""What the command line says of a session, decided without asking anybody: data in, lines and sentences out."""
