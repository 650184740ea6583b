"""Makes desired state true on this machine: replicas that listen, endpoints that answer."""
