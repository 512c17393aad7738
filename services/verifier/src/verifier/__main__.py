"""`python -m verifier` starts the service; `--check-config` parses the settings and exits."""

from verifier.app import main

if __name__ == "__main__":
    main()
