"""What `make bench` runs: each measure beside a reference in the same run, one JSON line each."""
