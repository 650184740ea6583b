"""The `modelyard` command: commands by capability, through the SDK, and the operator's own."""
