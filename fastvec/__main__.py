"""``python -m fastvec``: the command line."""

from fastvec.cli import main

main()
