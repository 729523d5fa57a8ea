"""A stand-in for Microsoft's sign-in and Graph, for demo and tests. Production code never imports it."""
