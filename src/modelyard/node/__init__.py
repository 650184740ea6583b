"""The data plane of one machine: gateway, launcher, workers, environments, and the agent that supervises them."""
