"""`python -m bench`: the load benchmark."""

from bench.load import main

main()
