"""What every room stands on: faults, time, ids, value types, the measures' names, engines."""
