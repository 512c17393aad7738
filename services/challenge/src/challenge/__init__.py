"""Challenge dispatch: issues challenges and takes sealed answers from the phone."""
