"""Drawn faces: a seeded generator of people, expressions, annotators and true facial regions."""
