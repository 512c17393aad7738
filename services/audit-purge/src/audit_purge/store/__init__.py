"""What audit-purge keeps in MongoDB: sealed records of logins, and in clear only what anyone may know."""
