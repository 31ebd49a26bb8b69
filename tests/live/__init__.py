"""Real mail servers from Debian's packages, run in throw-away roots and asked what their logs must tell."""
