"""Operations that views are made of, one a file; each is registered by name."""
