"""The console: staff's face. Each page parses, calls a verb of the workspace in the name of who is signed in, and shows."""
