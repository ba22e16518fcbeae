"""What was decided leaves, once, on the right channel: the gate, the outbox, rendering, senders."""
