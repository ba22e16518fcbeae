"""The machines' face: Segment's HTTP API for what comes in, and `/api` for what a site, a till or an own system asks."""
