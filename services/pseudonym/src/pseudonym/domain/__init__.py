"""What pseudonym decides: the pairwise subject, and for which one sector of a login it is given."""
