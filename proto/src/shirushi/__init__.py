"""The wire contracts of Shirushi: events, RPCs and the rights table."""
