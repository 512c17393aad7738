"""What every service needs and no domain noun."""
