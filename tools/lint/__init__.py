"""Our own lint rules: rules of the architecture that a machine holds.

One file and one test a rule, under `rules/`. `python -m tools.lint` prints `file:line code message`. A line may opt
out with `# lint-skip: code reason`; a file as a whole is listed in `exceptions.toml`, which may only shrink.
"""
