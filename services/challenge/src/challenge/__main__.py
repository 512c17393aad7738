"""`python -m challenge` starts the service; `--check-config` parses the settings and exits."""

from challenge.app import main

if __name__ == "__main__":
    main()
