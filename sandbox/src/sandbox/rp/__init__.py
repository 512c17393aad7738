"""Sample relying parties: a childcare app of a city and a bank, built with an off-the-shelf OpenID Connect client."""
