"""What the console's templates may ask for by name."""
