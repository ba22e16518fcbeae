"""The machines' face: Segment's HTTP API for what comes in."""
