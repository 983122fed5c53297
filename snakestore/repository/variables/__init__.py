"""Methods about variables: read, write, register, batch, history, leases."""
