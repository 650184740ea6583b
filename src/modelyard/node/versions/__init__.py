"""The verified files of versions on this machine."""
