"""What every script shares: errors as one line, options and their other spellings, the way into the simulator."""
